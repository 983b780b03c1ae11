"""What is declared in content/, as tables."""

import json
import shutil
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from bench_pipeline.harness.planning.plan import PlanItem, expand, satisfied
from bench_pipeline.paths import Project
from bench_pipeline.records.inventory import Inventory
from bench_pipeline.records.run import Ladder, Run
from bench_pipeline.records.yaml.files import (
    read_campaigns,
    read_engines,
    read_rigs,
    write_run,
)
from bench_pipeline.records.yaml.model_files import read_models
from bench_pipeline.warehouse.refresh import refresh
from bench_pipeline.warehouse.store import Warehouse
from tests.conftest import without_runs
from tests.factories import SMOLLM2, failed_cell, measured_cell, measured_run
from tests.session_factories import session_runs
from tests.warehouse.given import Here, given


def measured_in_turns(*builds: str, ended: str = "known", rig: str = "shared-vm-2core") -> Run:
    """Of the newest of these builds."""
    return session_runs(dict.fromkeys(builds, 1.0), turns=3, ended=ended, rig=rig)[-1]


@pytest.fixture(scope="module")
def declared(tmp_path_factory) -> Project:
    """The checkout's content without a run, refreshed, to be read."""
    project = without_runs(tmp_path_factory.mktemp("declared") / "checkout")
    refresh(project)
    return project


def asked(project: Project, sql: str) -> list[tuple]:
    with Warehouse(project.warehouse).read() as connection:
        return connection.execute(sql).fetchall()


def test_every_declared_rig_has_a_row(declared):
    found = {
        rig: (title, json.loads(backends))
        for rig, title, backends in asked(
            declared, "select rig, title, backends_json from rigs where declared"
        )
    }
    rigs = read_rigs(declared.rigs)
    assert found.keys() == rigs.keys()
    assert found["shared-vm-2core"][0] == rigs["shared-vm-2core"].title
    assert set(found["gaming-desktop"][1]) == {"vulkan", "cuda"}


def test_no_key_of_a_rig_s_setup_gets_into_a_table(project, put, small, rows):
    rig = project.rigs / "shared-vm-2core.yaml"
    text = (
        "title: x\nbackends:\n  cpu:\n    args: [--hf-token, s3cret]\n    env: {HF_TOKEN: s3cret}\n"
    )
    rig.write_text(text)
    refresh(project)
    [(told,)] = rows("select backends_json from rigs where rig = 'shared-vm-2core'")
    setup = json.loads(told)["cpu"]
    assert (setup["args"], setup["env"]) == (["--hf-token", "hidden"], {"HF_TOKEN": "hidden"})


def test_a_rig_that_only_a_run_names_is_shown_under_its_slug(project, put, small, rows):
    path = put(small(rig="visiting-laptop"))
    refresh(project)
    undeclared = "select rig, title, declared from rigs where not declared"
    assert rows(undeclared) == [("visiting-laptop", "visiting-laptop", False)]
    path.unlink()
    refresh(project)
    assert rows(undeclared) == []


def test_a_rig_file_turns_a_visiting_rig_into_a_declared_one(project, put, small, rows):
    put(small(rig="visiting-laptop"))
    refresh(project)
    (project.rigs / "visiting-laptop.yaml").write_text("title: A laptop\nbackends:\n  cpu: {}\n")
    refresh(project)
    assert rows("select title, declared from rigs where rig = 'visiting-laptop'") == [
        ("A laptop", True)
    ]


def test_workloads_stand_in_the_order_of_the_page(declared):
    assert asked(declared, "select workload from workloads order by ord") == [
        ("chat",),
        ("rag",),
        ("codegen",),
        ("agent",),
    ]


def test_an_edited_workload_is_taken_without_a_new_run(project, rows):
    refresh(project)
    path = project.workloads / "chat.yaml"
    lines = path.read_text().splitlines()
    lines = ["title: Small talk" if line.startswith("title:") else line for line in lines]
    path.write_text("\n".join(lines))
    refresh(project)
    assert rows("select title from workloads where workload = 'chat'") == [("Small talk",)]


def wanted_of(project: Project) -> list[PlanItem]:
    return expand(
        read_campaigns(project.campaigns),
        read_rigs(project.rigs),
        read_models(project.models),
        read_engines(project.engines),
    )


def test_campaigns_are_expanded_over_the_rigs(declared):
    wanted = wanted_of(declared)
    assert wanted
    columns = "campaign, rig, backend, build, model, mode, profile"
    assert sorted(asked(declared, f"select {columns} from campaign_items")) == sorted(
        (i.campaign, i.rig, i.backend, i.build, i.model, i.mode, i.profile) for i in wanted
    )
    assert asked(declared, "select distinct done from campaign_items") == [(False,)]


CHAT = {"cells": [measured_cell("chat", 1, decode_tok_s=9.0), failed_cell("chat", 4)]}
NO_MEMORY = {"cells": [failed_cell("chat", streams, kind="oom") for streams in (1, 4)]}
FAILED = {"cells": [], "status": "failed"}
RUNS: dict[str, Callable[[str], Run]] = {
    "full": lambda rig: measured_run(rig=rig),
    "quick": lambda rig: measured_run(rig=rig, profile="quick"),
    "one concurrency": lambda rig: measured_run(rig=rig, concurrencies=[1]),
    "to the knee": lambda rig: measured_run(
        rig=rig, ladder=Ladder(concurrencies=[1, 4], ended="flat")
    ),
    "another build": lambda rig: measured_run(rig=rig, build="b10068"),
    "another backend": lambda rig: measured_run(rig=rig, backend="cuda"),
    "another file": lambda rig: measured_run(
        rig=rig, model=SMOLLM2.model_copy(update={"sha256": "0" * 64})
    ),
    "crashed cell": lambda rig: measured_run(rig=rig, **CHAT),
    "no memory": lambda rig: measured_run(rig=rig, **NO_MEMORY),
    "refused model": lambda rig: measured_run(
        rig=rig, **FAILED, failure={"kind": "load", "message": "refused"}
    ),
    "crashed": lambda rig: measured_run(
        rig=rig, **FAILED, failure={"kind": "crash", "message": "died"}
    ),
    "in turns": lambda rig: measured_in_turns("b10068", "b10092", "b10434", rig=rig),
    "in turns with one of two": lambda rig: measured_in_turns("b10092", "b10434", rig=rig),
    "in turns until one failed": lambda rig: measured_in_turns(
        "b10068", "b10092", "b10434", ended="failed", rig=rig
    ),
}
HERE = "shared-vm-2core"


@pytest.fixture(scope="module")
def campaigned(tmp_path_factory) -> tuple[Project, dict[str, Run]]:
    """A rig for each of RUNS, called `likeN`, declared as `HERE` is; what is wanted of that is
    wanted of each of them. One run more is of another rig."""
    project = without_runs(tmp_path_factory.mktemp("campaigned") / "checkout")
    for campaign in project.campaigns.glob("*.yaml"):
        text = campaign.read_text()
        campaign.write_text(text.replace(f"[{HERE}/cpu", f"[like*/cpu, {HERE}/cpu"))
    runs = {"another rig": measured_run(rig="h100-vm", backend="cuda", build="b11434")}
    for number, (name, make) in enumerate(RUNS.items()):
        shutil.copy(project.rigs / f"{HERE}.yaml", project.rigs / f"like{number}.yaml")
        runs[name] = make(f"like{number}")
    for run in runs.values():
        write_run(run, project.runs)
    assert refresh(project).rejected == []
    return project, runs


@pytest.mark.parametrize("name", ["another rig", *RUNS])
def test_an_item_is_done_exactly_if_the_plan_says_so(campaigned, name: str):
    project, runs = campaigned
    rig = runs[name].rig
    columns = "campaign, build, model, concurrencies, beside, done"
    found = asked(project, f"select {columns} from campaign_items where rig = '{rig}'")
    wanted = [item for item in wanted_of(project) if item.rig == rig]
    assert {
        (campaign, build, model, tuple(concurrencies), tuple(beside)): done
        for campaign, build, model, concurrencies, beside, done in found
    } == {
        (
            *(i.campaign, i.build, i.model),
            () if i.concurrencies == "knee" else i.concurrencies,
            i.beside,
        ): satisfied(i, [runs[name]])
        for i in wanted
    }
    assert found


def test_some_of_them_are_done_and_nothing_of_a_rig_without_a_run(campaigned):
    project, runs = campaigned
    done = {rig for (rig,) in asked(project, "select rig from campaign_items where done")}
    assert done == {runs[name].rig for name in ("to the knee", "refused model", "in turns")}
    assert (HERE,) in asked(project, "select distinct rig from campaign_items")


def test_builds_measured_in_turns_end_what_asked_for_that_and_nothing_else(campaigned):
    project, runs = campaigned
    done = "select campaign, beside from campaign_items where done"
    assert asked(project, f"{done} and rig = '{runs['in turns'].rig}'") == [
        ("three-builds", ["b10068", "b10092"])
    ]


@given
def test_the_newest_state_of_a_rig_is_its_hardware_card(here: Here):
    noon = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)

    def seen(hours: int, **changed) -> Inventory:
        run = here.small(started_at=noon + timedelta(hours=hours), seed=hours)
        inventory = run.inventory.model_copy(update=changed)
        here.put(
            here.small(started_at=run.started_at, seed=hours, inventory=inventory.model_dump())
        )
        return inventory

    first = seen(0)
    seen(1, memory=first.memory.model_copy(update={"available_mib": 17.0}))
    upgraded = seen(2, os=first.os.model_copy(update={"kernel": "6.12.0"}))
    yield
    cards = [
        Inventory.model_validate_json(card)
        for (card,) in here.rows("select inventory_json from rig_inventories order by captured_at")
    ]
    assert [card.os.kernel for card in cards] == [first.os.kernel, "6.12.0"]
    assert cards[0].memory.available_mib == 17.0  # the newest reading of an unchanged rig
    assert cards[1] == upgraded


def test_an_empty_project_makes_an_empty_warehouse(tmp_path):
    report = refresh(Project(tmp_path))
    filled = {table for table, rows in report.row_counts.items() if rows}
    assert filled == {"site"}, "the title that a site has without an owner"
    assert report.rejected == []
