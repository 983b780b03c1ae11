#!/bin/sh
# sh scripts/test.sh
# The style checks and every test. The types are checked beside the tests, and told after them:
# a first look at all packages takes a minute of one core.
set -u
cd "$(dirname "$0")/.."
python=.venv/bin/python
# Where it is set, each of the hundreds of processes below would compile all of ours anew.
unset PYTHONDONTWRITEBYTECODE
$python -m ruff check && $python -m ruff format --check --quiet || exit 1

# The tests' files lie in memory where 6 GiB of it are free and programs may run there: databases
# and sites are written by the hundred, and on a disk each write waits until it is safe.
NEEDED_KIB=6291456
has_room() {
    printf '#!/bin/sh\n' >"$1/program" && chmod +x "$1/program" && "$1/program" 2>/dev/null &&
        [ "$(df -Pk "$1" | awk 'NR == 2 {print $4}')" -gt $NEEDED_KIB ] &&
        [ "$(awk '/^MemAvailable:/ {print $2}' /proc/meminfo)" -gt $NEEDED_KIB ]
}
memory=$(mktemp -d /dev/shm/bench_pipeline-tests.XXXXXX 2>/dev/null)
if [ -n "$memory" ] && ! has_room "$memory"; then
    rm -rf "$memory"
    memory=
fi

said=$(mktemp)
nice $python -m mypy >"$said" 2>&1 &
mypy=$!
trap 'kill $mypy 2>/dev/null; rm -rf "$said" ${memory:+"$memory"}' EXIT
trap 'exit 130' INT TERM

# A file of tests is one worker's, so that what its tests share is made once, and all that measure
# are; tests/conftest.py says which and in which order.
$python -m pytest --numprocesses auto --dist loadfile --no-loadscope-reorder \
    ${memory:+--basetemp "$memory/tests"}
tests=$?
wait $mypy
types=$?
echo "mypy: $(tail -n 1 "$said")"
[ $types = 0 ] || cat "$said"
[ $tests = 0 ] && [ $types = 0 ]
