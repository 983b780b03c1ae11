"""What is declared in content/, as tables."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from bench_pipeline.harness.planning.plan import expand, satisfied
from bench_pipeline.records.inventory import Inventory
from bench_pipeline.records.run import Ladder, Run
from bench_pipeline.records.yaml.files import (
    read_campaigns,
    read_engines,
    read_rigs,
)
from bench_pipeline.records.yaml.model_files import read_models
from bench_pipeline.warehouse.refresh import refresh
from tests.factories import SMOLLM2, failed_cell, measured_cell, measured_run
from tests.session_factories import session_runs


def measured_in_turns(*builds: str, ended: str = "known") -> Run:
    """Of the newest of these builds."""
    return session_runs(dict.fromkeys(builds, 1.0), turns=3, ended=ended)[-1]


def test_every_declared_rig_has_a_row(project, rows):
    refresh(project)
    found = {
        rig: (title, json.loads(backends))
        for rig, title, backends in rows(
            "select rig, title, backends_json from rigs where declared"
        )
    }
    rigs = read_rigs(project.rigs)
    assert found.keys() == rigs.keys()
    assert found["shared-vm-2core"][0] == rigs["shared-vm-2core"].title
    assert set(found["gaming-desktop"][1]) == {"vulkan", "cuda"}


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


def test_workloads_stand_in_the_order_of_the_page(project, rows):
    refresh(project)
    assert rows("select workload from workloads order by ord") == [
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


def test_campaigns_are_expanded_over_the_rigs(project, rows):
    refresh(project)
    wanted = expand(
        read_campaigns(project.campaigns),
        read_rigs(project.rigs),
        read_models(project.models),
        read_engines(project.engines),
    )
    assert wanted
    assert sorted(
        rows("select campaign, rig, backend, build, model, mode, profile from campaign_items")
    ) == sorted((i.campaign, i.rig, i.backend, i.build, i.model, i.mode, i.profile) for i in wanted)
    assert rows("select distinct done from campaign_items") == [(False,)]


@pytest.mark.parametrize(
    "run",
    [
        measured_run(),
        measured_run(profile="quick"),
        measured_run(concurrencies=[1]),
        measured_run(ladder=Ladder(concurrencies=[1, 4], ended="flat")),
        measured_run(build="b10068"),
        measured_run(rig="h100-vm", backend="cuda", build="b11434"),
        measured_run(model=SMOLLM2.model_copy(update={"sha256": "0" * 64})),
        measured_run(cells=[measured_cell("chat", 1, decode_tok_s=9.0), failed_cell("chat", 4)]),
        measured_run(
            cells=[failed_cell("chat", 1, kind="oom"), failed_cell("chat", 4, kind="oom")]
        ),
        measured_run(cells=[], status="failed", failure={"kind": "load", "message": "refused"}),
        measured_run(cells=[], status="failed", failure={"kind": "crash", "message": "died"}),
        measured_in_turns("b10068", "b10092", "b10434"),
        measured_in_turns("b10092", "b10434"),
        measured_in_turns("b10068", "b10092", "b10434", ended="failed"),
    ],
    ids=[
        "full",
        "quick",
        "one concurrency",
        "to the knee",
        "another build",
        "another rig",
        "another file",
        "crashed cell",
        "no memory",
        "refused model",
        "crashed",
        "in turns",
        "in turns with one of two",
        "in turns until one failed",
    ],
)
def test_an_item_is_done_exactly_if_the_plan_says_so(project, put, rows, run):
    put(run)
    refresh(project)
    wanted = expand(
        read_campaigns(project.campaigns),
        read_rigs(project.rigs),
        read_models(project.models),
        read_engines(project.engines),
    )
    assert {
        (rig, build, model, tuple(concurrencies), tuple(beside)): done
        for rig, build, model, concurrencies, beside, done in rows(
            "select rig, build, model, concurrencies, beside, done from campaign_items"
        )
    } == {
        (
            *(i.rig, i.build, i.model),
            () if i.concurrencies == "knee" else i.concurrencies,
            i.beside,
        ): satisfied(i, [run])
        for i in wanted
    }


def test_builds_measured_in_turns_end_what_asked_for_that_and_nothing_else(project, put, rows):
    put(measured_in_turns("b10068", "b10092", "b10434"))
    refresh(project)
    assert rows(
        "select campaign, beside from campaign_items where done and rig = 'shared-vm-2core'"
    ) == [("three-builds", ["b10068", "b10092"])]


def test_the_newest_state_of_a_rig_is_its_hardware_card(project, put, small, rows):
    noon = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)

    def seen(hours: int, **changed) -> Inventory:
        run = small(started_at=noon + timedelta(hours=hours), seed=hours)
        inventory = run.inventory.model_copy(update=changed)
        put(small(started_at=run.started_at, seed=hours, inventory=inventory.model_dump()))
        return inventory

    first = seen(0)
    seen(1, memory=first.memory.model_copy(update={"available_mib": 17.0}))
    upgraded = seen(2, os=first.os.model_copy(update={"kernel": "6.12.0"}))
    refresh(project)
    cards = [
        Inventory.model_validate_json(card)
        for (card,) in rows("select inventory_json from rig_inventories order by captured_at")
    ]
    assert [card.os.kernel for card in cards] == [first.os.kernel, "6.12.0"]
    assert cards[0].memory.available_mib == 17.0  # the newest reading of an unchanged rig
    assert cards[1] == upgraded


def test_an_empty_project_makes_an_empty_warehouse(tmp_path):
    from bench_pipeline.paths import Project

    report = refresh(Project(tmp_path))
    filled = {table for table, rows in report.row_counts.items() if rows}
    assert filled == {"site"}, "the title that a site has without an owner"
    assert report.rejected == []
