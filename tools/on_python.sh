#!/usr/bin/env bash
# Builds the extension for one CPython, warnings being errors, and runs the tests there.
#
#   tools/on_python.sh PYTHON [pytest's arguments]
#
# What the tests need is installed into an environment below build/versions, once per version, by
# the pip of $HOST (python3). The extension is built in place: each version's has its own name.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

python=$1
shift
HOST=${HOST:-python3}
version=$("$python" -c 'import sys, sysconfig; print(sysconfig.get_config_var("SOABI"),
    "%d.%d.%d" % sys.version_info[:3], sep="-")')
venv=build/versions/$version

needs() {
    "$HOST" - <<'PYTHON'
import tomllib

extras = tomllib.load(open("pyproject.toml", "rb"))["project"]["optional-dependencies"]

def flat(name):
    for need in extras[name]:
        own, found, inner = need.partition("taskvisor[")
        if found:
            for extra in inner.rstrip("]").split(","):
                yield from flat(extra)
        else:
            yield need

print(*flat("test"), sep="\n")
PYTHON
}

# uvloop is not built for a Python without a GIL; there the tests that are about it are left out.
left_out() {
    [[ $version == *t-* && $1 == uvloop* ]] || { echo "$1 is not to be had" >&2; return 1; }
}

# Only what has been built: a source package may need a compiler of another language. An old pip
# takes what was built for another ABI.
make_venv() {
    local installer=build/versions/installer
    "$python" -m venv --clear --without-pip "$venv"
    "$HOST" -m venv "$installer"
    "$installer/bin/python" -m pip install -q --upgrade pip
    needs >"$venv/needs"
    while read -r need; do
        "$installer/bin/python" -m pip --python "$venv/bin/python" install -q \
            --only-binary :all: "$need" </dev/null || left_out "$need"
    done <"$venv/needs"
    touch "$venv/ready"
}

[[ -e $venv/ready ]] || make_venv
TASKVISOR_WERROR=1 "$venv/bin/python" setup.py -q build_ext --inplace \
    --build-temp "build/versions/objects-$version"
"$venv/bin/python" -c 'import sys, taskvisor; print(sys.version)'
if [[ $version == *t-* ]]; then
    # Importing an extension that does not declare that it needs no GIL brings the GIL back.
    "$venv/bin/python" -W error -c 'import sys, taskvisor; sys.exit(sys._is_gil_enabled())'
fi
if [[ $version == *t-* ]] && ! "$venv/bin/python" -c "import uvloop" 2>/dev/null; then
    set -- -k 'not uvloop' --ignore=tests/test_loop_kinds.py "$@"
fi
"$venv/bin/python" -m pytest "$@"
