"""Whose machine it was: all results of one call are of one, and of the rig that is named."""

import re
from collections.abc import Sequence

from bench_pipeline.errors import RecordError
from bench_pipeline.importers.cards import processor
from bench_pipeline.importers.rows import Test
from bench_pipeline.importers.words import plain
from bench_pipeline.paths import Project
from bench_pipeline.records.rig import Rig
from bench_pipeline.records.yaml.run_head import measured_processors

_ORNAMENTS = re.compile(
    r"\((?:R|TM|C)\)|[®™]|\bCPU\b|\bProcessor\b|@.*$|\b\d+-Core\b", re.IGNORECASE
)


def _bare(name: str) -> str:
    """A processor's name without what one program writes and another leaves out."""
    return " ".join(_ORNAMENTS.sub(" ", name).lower().split()) or name.lower()


def refuse_several_machines(tests: Sequence[Test]) -> None:
    """RecordError where two tests name two processors; or none, and cards of two machines."""
    first: dict[str, Test] = {}
    for test in tests:
        if name := processor(test.row.cpu_info):
            first.setdefault(_bare(name), test)
    if len(first) > 1:
        one, other = list(first.values())[:2]
        raise _two(one, processor(one.row.cpu_info), other, processor(other.row.cpu_info))
    cards: dict[tuple[str, ...], Test] = {}
    for test in tests:
        if not test.row.cpu_info and test.gpus_of_log:
            cards.setdefault(test.gpus_of_log, test)
    for names, test in cards.items():
        for others, other in cards.items():
            if not set(names) & set(others) and test.row.backends == other.row.backends:
                raise _two(test, names[0], other, others[0])


def _two(one: Test, name: str, other: Test, another: str) -> RecordError:
    return RecordError(
        f"holds tests of two machines, `{plain(name)}` ({one.place}) and `{plain(another)}`",
        mend="import what each machine measured by a call of its own, with its own `--rig`",
        where=other.place,
    )


def check_machine(tests: Sequence[Test], rig: Rig, project: Project) -> None:
    """RecordError where the rig was measured here, and is another machine than the tests name."""
    named = next((test for test in tests if processor(test.row.cpu_info)), None)
    if named is None:
        return
    name = processor(named.row.cpu_info)
    known = measured_processors(project.runs, rig.slug)
    if known and not any(_alike(name, other) for other in known):
        raise RecordError(
            f"was measured on `{plain(name)}`, while {rig.slug} has `{plain(known[-1])}`",
            mend="give the `--rig` of that machine; declare it in content/rigs if it is new",
            where=named.place,
        )


def _alike(name: str, other: str) -> bool:
    one, two = _bare(name), _bare(other)
    return one in two or two in one
