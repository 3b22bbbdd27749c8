#!/usr/bin/env bash
# Builds the extension for a CPython without a GIL, warnings being errors, and runs the tests there.
#
#   tools/free_threaded.sh [pytest's arguments]
#
# Which one: $FREE_THREADED, a python3.13t or later; else one on the PATH or in pyenv; else the one
# below $CACHE, built there on the first run (some minutes) from the source that Debian carries.
# Apt gets a list of sources of its own for that; those of the machine stay as they are.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

CACHE=${CACHE:-$PWD/build/free-threaded}
SUITE=trixie
PACKAGE=python3.13
KEYS=/usr/share/keyrings/debian-archive-keyring.gpg

has_no_gil() {
    "$1" -c 'import sys; sys.exit(sys._is_gil_enabled())' 2>/dev/null
}

find_python() {
    local found
    for found in "${FREE_THREADED:-}" "$(type -P python3.14t)" "$(type -P python3.13t)" \
        "${PYENV_ROOT:-$HOME/.pyenv}"/versions/*t/bin/python3 "$CACHE"/python/bin/python3; do
        if [[ -n $found ]] && has_no_gil "$found"; then
            echo "$found"
            return
        fi
    done
}

fetch_source() {
    local apt=$CACHE/apt
    mkdir -p "$apt/lists/partial" "$apt/cache/archives/partial"
    echo "deb-src [signed-by=$KEYS] http://deb.debian.org/debian $SUITE main" >"$apt/sources.list"
    local own=(-o "Dir::Etc::SourceList=$apt/sources.list" -o Dir::Etc::SourceParts=/dev/null
        -o "Dir::State::Lists=$apt/lists" -o "Dir::Cache=$apt/cache" -o APT::Sandbox::User=)
    apt-get -q "${own[@]}" update
    (cd "$apt" && apt-get -q "${own[@]}" source --download-only --tar-only "$PACKAGE")
    mkdir -p "$CACHE/source"
    tar -xf "$apt/$PACKAGE"_*.orig.tar.xz -C "$CACHE/source" --strip-components=1
}

# Where a library's headers are missing, CPython leaves out the module that needs them.
build_python() {
    fetch_source
    (
        cd "$CACHE/source"
        ./configure -q --disable-gil --disable-test-modules --with-ensurepip=no \
            --prefix="$CACHE/python"
        make -s -j "$(nproc)"
        make -s install
    ) >"$CACHE/build.log" 2>&1 || { tail -n 40 "$CACHE/build.log" >&2; return 1; }
    "$CACHE/python/bin/python3" -c 'import ctypes, zlib'
    rm -rf "$CACHE/source" "$CACHE/apt"
}

if [[ -n ${FREE_THREADED:-} ]] && ! has_no_gil "$FREE_THREADED"; then
    echo "$FREE_THREADED is no CPython without a GIL" >&2
    exit 1
fi
python=$(find_python)
if [[ -z $python ]]; then
    build_python
    python=$CACHE/python/bin/python3
fi
exec tools/on_python.sh "$python" "$@"
