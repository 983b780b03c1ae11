#!/bin/sh
# sh scripts/test.sh
# The style checks and every test. The types are checked beside the tests, and told after them:
# a first look at all packages takes a minute of one core.
set -u
cd "$(dirname "$0")/.."
python=.venv/bin/python
$python -m ruff check && $python -m ruff format --check --quiet || exit 1

said=$(mktemp)
$python -m mypy >"$said" 2>&1 &
mypy=$!
trap 'kill $mypy 2>/dev/null; rm -f "$said"' EXIT
trap 'exit 130' INT TERM

# A file of tests is one worker's, so that what its tests share is made once; tests/conftest.py
# says in which order.
$python -m pytest --numprocesses auto --dist loadfile --no-loadscope-reorder
tests=$?
wait $mypy
types=$?
echo "mypy: $(tail -n 1 "$said")"
[ $types = 0 ] || cat "$said"
[ $tests = 0 ] && [ $types = 0 ]
