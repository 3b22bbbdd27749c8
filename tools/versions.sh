#!/usr/bin/env bash
# Builds the extension, warnings being errors, and runs the tests on every CPython at hand.
#
#   tools/versions.sh [pytest's arguments]
#
# Which: $VERSIONS, paths of interpreters; else those on the PATH and in pyenv, one per minor version.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

MINORS="3.11 3.12 3.13 3.14"

find_pythons() {
    local minor found
    for minor in $MINORS; do
        for found in "$(type -P "python$minor")" \
            "${PYENV_ROOT:-$HOME/.pyenv}/versions/$minor".*/bin/python3; do
            if [[ -n $found ]] && "$found" -c 'import sys, venv, sysconfig, os
sys.exit(not os.path.exists(sysconfig.get_path("include") + "/Python.h") or
         f"{sys.version_info[0]}.{sys.version_info[1]}" != "'"$minor"'")' 2>/dev/null; then
                echo "$found"
                break
            fi
        done
    done
}

read -r -a pythons <<<"${VERSIONS:-$(find_pythons | tr '\n' ' ')}"
if ((${#pythons[@]} == 0)); then
    echo "no CPython of $MINORS with its headers is at hand" >&2
    exit 1
fi
failed=0
for python in "${pythons[@]}"; do
    echo "+ $python"
    tools/on_python.sh "$python" "$@" || {
        echo "$python: failed" >&2
        failed=1
    }
done
exit $failed
