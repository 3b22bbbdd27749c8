#!/usr/bin/env bash
# Runs the tests in Python against an extension built with AddressSanitizer and UBSan.
#
#   tools/san_python.sh [pytest's arguments]
#
# Built below build/san-python, so that the extension in the tree stays. Python's objects come from
# malloc, where the sanitizer sees each of them. Leaks are not looked for here: an interpreter leaves
# memory when it ends (tests/isolated/leak_*.py look for ours). First the sanitizers are shown to
# see what they are for.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

ROOT=$PWD
CC=${CC:-cc}
PYTHON=$(type -P "${PYTHON:-python3}")
[[ $PYTHON == /* ]] || PYTHON=$ROOT/$PYTHON
BUILT=$ROOT/build/san-python

TASKVISOR_WERROR=1 TASKVISOR_SANITIZE=address,undefined CC=$CC \
    "$PYTHON" setup.py -q build --build-lib "$BUILT/lib" --build-temp "$BUILT/objects"

# A finding ends its process. It is written to a file: pytest has the standard streams in its hands.
sanitized() {
    env LD_PRELOAD="$("$CC" -print-file-name=libasan.so)" PYTHONMALLOC=malloc \
        PYTHONPATH="$BUILT/lib:$ROOT/tests/proof/quiet" \
        ASAN_OPTIONS="detect_leaks=0:allocator_may_return_null=1:log_path=$BUILT/finding" \
        UBSAN_OPTIONS="halt_on_error=1:print_stacktrace=1:log_path=$BUILT/finding" \
        "$PYTHON" -P "$@"
}

rm -f "$BUILT"/finding.*
if sanitized -c 'import ctypes; ctypes.memset(ctypes.create_string_buffer(8), 0, 4096)' ||
    ! grep -q 'AddressSanitizer: heap-buffer-overflow' "$BUILT"/finding.*; then
    echo 'a write past the end of a block was not seen' >&2
    exit 1
fi
if ! grep -q __ubsan_handle "$BUILT"/lib/taskvisor/_core*.so; then
    echo 'the extension was built without UBSan' >&2
    exit 1
fi
rm -f "$BUILT"/finding.*
sanitized -c 'import taskvisor; print(taskvisor.__file__)'
if [[ " $*" != *" tests/"* ]]; then
    set -- "$@" tests/
fi
# From elsewhere: a program of the tests would find the package of the tree in its directory.
status=0
cd "$BUILT"
sanitized -m pytest --rootdir "$ROOT" -c "$ROOT/pyproject.toml" \
    "${@/#tests\//$ROOT/tests/}" || status=$?
for finding in "$BUILT"/finding.*; do
    if [[ -e $finding ]]; then
        cat "$finding" >&2
        status=1
    fi
done
exit $status
