"""However files come, change and go: the tables are those that all of them at once would make."""

import random
import shutil
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from bench_pipeline.paths import Project
from bench_pipeline.records.run import Run
from bench_pipeline.records.yaml.files import write_run
from bench_pipeline.warehouse import schema
from bench_pipeline.warehouse.refresh import refresh
from tests.edits import edit_run
from tests.factories import measured_run
from tests.session_factories import NOON, session_runs
from tests.warehouse.test_ingest import contents

BUILDS = ("b10068", "b10092", "b10434")
CAMPAIGN = """
title: Two builds
why: They differ.
places: ["*/cpu"]
models: [smollm2-135m-instruct-q4_1]
builds: [b10092, b10434]
profile: quick
concurrencies: [1]
"""


def a_run(pick: random.Random) -> Run:
    return measured_run(
        rig=pick.choice(["shared-vm-2core", "nobody-declared"]),
        backend=pick.choice(["cpu", "cpu", "cuda"]),
        build=pick.choice(BUILDS),
        mode=pick.choice(["baseline", "reasoning-off"]),
        profile=pick.choice(["full", "full", "quick"]),
        started_at=NOON + timedelta(hours=pick.randrange(9)),
        workloads=["chat"],
        concurrencies=[1],
        seed=pick.randrange(10**6),
    )


def a_session(pick: random.Random) -> list[Run]:
    speeds = {build: pick.choice([0.9, 1.0, 1.1]) for build in pick.sample(BUILDS, 2)}
    return session_runs(
        dict(sorted(speeds.items())), turns=3, waves_per_block=1, seed=pick.randrange(10**6)
    )


class Folder:
    """A project's run files, and what people do to them; `runs`: to put in, last one first."""

    def __init__(self, project: Project, pick: random.Random, runs: list[Run]) -> None:
        self.project, self.pick, self.runs = project, pick, runs

    def files(self) -> list[Path]:
        return sorted(self.project.runs.rglob("*.yaml"))

    def one(self) -> Path:
        return self.pick.choice(self.files())

    def add(self) -> None:
        for _ in range(min(len(self.runs), self.pick.choice([1, 1, 3]))):
            write_run(self.runs.pop(), self.project.runs)

    def delete(self) -> None:
        self.one().unlink()

    def edit(self) -> None:
        edit_run(self.one(), "creator: Quant", "creator: Another")

    def spoil(self) -> None:
        file = self.one()
        file.write_bytes(file.read_bytes()[: -self.pick.randrange(1, 900)])

    def duplicate(self) -> None:
        """Before the file, in the order that decides, or after it; a file of the right place."""
        file = self.one()
        rig, backend, name = file.parts[-3:]
        folder = self.pick.choice(["a", "z"])
        copy = self.project.runs / folder / rig / backend / name
        if copy != file:
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(file, copy)

    def declare(self) -> None:
        campaign = self.project.campaigns / "two-builds.yaml"
        if campaign.exists():
            campaign.unlink()
        else:
            campaign.write_text(CAMPAIGN)


STEPS: list[Callable[[Folder], None]] = [
    *(Folder.add, Folder.add, Folder.add, Folder.delete, Folder.edit, Folder.spoil),
    *(Folder.duplicate, Folder.duplicate, Folder.declare),
]


@pytest.mark.parametrize(("seed", "few"), [(0, 30), (1, 0), (2, 1)])
def test_steps_in_any_order_end_where_one_ingest_of_everything_ends(
    project, seed, few, monkeypatch
):
    """`few`: up to so many places, what was touched there is named in the queries."""
    monkeypatch.setattr(schema, "_FEW", few)
    pick = random.Random(seed)
    runs = [a_run(pick) for _ in range(8)] + a_session(pick) + a_session(pick)
    pick.shuffle(runs)
    folder = Folder(project, pick, runs)
    folder.add()
    for _ in range(7):
        step = pick.choice(STEPS) if folder.files() else Folder.add
        step(folder)
        by_steps = refresh(project)
    tables = contents(project)
    shutil.rmtree(project.warehouse.parent)
    at_once = refresh(project)
    assert contents(project) == tables
    assert list(map(str, at_once.rejected)) == list(map(str, by_steps.rejected))
    assert at_once.ingested == by_steps.row_counts["runs"]


def test_the_steps_reach_what_they_are_meant_to(project):
    """One of each, in an order that leaves something of it: else equal tables would say little."""
    pick = random.Random(7)
    folder = Folder(project, pick, [a_run(pick) for _ in range(4)] + a_session(pick))
    folder.declare()
    while folder.runs:
        folder.add()
    folder.duplicate()
    counts = refresh(project).row_counts
    for table in ("runs", "comparisons", "build_trends", "speed_ranges", "campaign_items"):
        assert counts[table] > 0, table
    assert counts["rejected_files"] == 1
