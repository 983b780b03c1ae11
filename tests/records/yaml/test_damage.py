"""A damaged run file is refused in two lines, or says what it said: never another number."""

import hashlib
import random
import re
from pathlib import Path

import pytest

from bench_pipeline.errors import RecordError
from bench_pipeline.records.run import SEAL, Run
from bench_pipeline.records.yaml.files import dump_record, read_run
from tests.curve_factories import curve_and_bare_engine
from tests.factories import measured_run
from tests.records.yaml.damages import ALL, SEEN_BY_SHAPE, Damage

TIMES = 10
"""Of each of thirty kinds."""


@pytest.fixture(scope="module")
def whole() -> Run:
    """Requests, waves, telemetry, curves: every kind of table."""
    return measured_run(
        backend="cuda", workloads=("chat", "rag"), repetitions=3, **curve_and_bare_engine()
    )


@pytest.fixture(scope="module")
def text(whole: Run) -> str:
    return dump_record(whole)


def outcome(run: Run, damaged: str) -> str:
    """`same` or `refused`; anything else fails the test."""
    where = Path(run.relative_path)
    try:
        found = read_run(where, damaged.encode())
    except RecordError as error:
        assert str(error.where).startswith(str(where))
        assert error.mend and len(str(error).splitlines()) == 2
        return "refused"
    assert found == run, "another run was read"
    return "same"


@pytest.mark.parametrize("damage", ALL, ids=lambda damage: damage.__name__)
def test_no_damage_makes_another_run(damage: Damage, whole: Run, text: str) -> None:
    for seed in range(TIMES):
        outcome(whole, damage(text, random.Random(f"{damage.__name__} {seed}")))


@pytest.mark.parametrize("damage", SEEN_BY_SHAPE, ids=lambda damage: damage.__name__)
def test_without_the_hash_the_tables_themselves_refuse(
    damage: Damage, whole: Run, text: str
) -> None:
    bare = re.sub(f"{SEAL}: .*\n", "", text)
    assert outcome(whole, bare) == "same"
    for seed in range(TIMES):
        outcome(whole, damage(bare, random.Random(f"{damage.__name__} {seed}")))


def test_two_hundred_damages_at_least_are_tried() -> None:
    assert len(set(ALL)) * TIMES >= 200


def test_damage_is_really_done(whole: Run, text: str) -> None:
    """Most kinds must be refused nearly always; else this file would test nothing."""
    refused = [
        outcome(whole, damage(text, random.Random(seed))) == "refused"
        for damage in ALL
        for seed in range(3)
    ]
    assert sum(refused) > 0.8 * len(refused)


def test_the_second_line_is_what_sha256sum_says(text: str) -> None:
    _, seal, below = text.split("\n", 2)
    assert seal == f"{SEAL}: {hashlib.sha256(below.encode()).hexdigest()}"


def test_a_change_that_is_meant_goes_with_the_hash_removed(whole: Run, text: str) -> None:
    changed = text.replace("creator: QuantFactory", "creator: somebody")
    where = Path(whole.relative_path)
    with pytest.raises(RecordError, match="not as it was written") as caught:
        read_run(where, changed.encode())
    assert caught.value.where == f"{where}:2"
    assert "this line removed" in caught.value.mend
    edited = re.sub(f"{SEAL}: .*\n", "", changed)
    assert read_run(where, edited.encode()).model.creator == "somebody"


@pytest.mark.parametrize("seal", ["", "~", "none", "'5'", "[]", "A" * 64, "0" * 63])
def test_what_is_no_hash_is_no_seal(whole: Run, text: str, seal: str) -> None:
    damaged = re.sub(f"{SEAL}: .*\n", f"{SEAL}: {seal}\n", text)
    assert outcome(whole, damaged) == "refused"


def test_the_hash_stands_in_the_second_line(whole: Run, text: str) -> None:
    schema, seal, run_id, *below = text.splitlines()
    moved = "\n".join([schema, run_id, seal, *below])
    with pytest.raises(RecordError, match="in line 2"):
        read_run(Path(whole.relative_path), moved.encode())
