"""What changed on a rig between its runs, and what its page says of it."""

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from bench_pipeline.records.devices import CappedCard, PowerCap
from bench_pipeline.records.inventory import Inventory, Settings
from bench_pipeline.records.run import Run
from bench_pipeline.site.rigs.history import Change, Event, changes_between
from bench_pipeline.site.rigs.view import RigPage, rig_pages
from tests.factories import H100, measured_run
from tests.site.conftest import EARLIER, Made, make

DAY = timedelta(days=1)


def changed(inventory: Inventory, **gpu: object) -> Inventory:
    return inventory.model_copy(update={"gpus": [H100.model_copy(update=gpu)]})


def run_of(rig: str, day: int, **fields: Any) -> Run:
    few: dict[str, Any] = {"workloads": ["chat"], "concurrencies": [1]}
    started_at = EARLIER + day * DAY
    return measured_run(rig=rig, **{"backend": "cuda", **few, **fields}, started_at=started_at)


Case = Callable[[str], list[Run]]
CASES: list[Case] = []


def of_a_rig_of_its_own(case: Case) -> Case:
    """A decorator: what it marks is called with the rig's name."""
    CASES.append(case)
    return case


def rig_of(case: Case) -> str:
    return case.__name__.replace("_", "-")


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """All cases in one refresh."""
    runs = [run for case in CASES for run in case(rig_of(case))]
    return make(tmp_path_factory.mktemp("history"), runs[::-1])


def page_of(made: Made, rig: str) -> RigPage:
    tables = made.tables
    return next(page for page in rig_pages(tables, made.view.runs) if page.rig == rig)


def events(made: Made, case: Case) -> list[Event]:
    return list(page_of(made, rig_of(case)).events)


@of_a_rig_of_its_own
def a_new_driver_and_a_lower_cap(rig: str) -> list[Run]:
    first = run_of(rig, 0)
    newer = changed(first.inventory, driver="590.10", power_cap_w=350.0)
    return [first, run_of(rig, 1, inventory=newer, power_cap_w=350)]


def test_a_new_driver_and_a_lower_cap_are_told_with_their_dates(shown: Made):
    latest, oldest = events(shown, a_new_driver_and_a_lower_cap)
    assert latest.changes == (
        Change("driver of the GPU", "580.95.05", "590.10"),
        Change("power cap of the GPU", "700 W", "350 W"),
    )
    assert (latest.when, latest.since) == ("2026-11-21 08:00 UTC", "2026-11-20 08:00 UTC")
    assert dict(oldest.state)["Driver"] == "580.95.05"
    assert oldest.changes == ()


@of_a_rig_of_its_own
def a_cap_set_and_taken_back(rig: str) -> list[Run]:
    first = run_of(rig, 0)
    capped = changed(first.inventory, power_cap_w=350.0)
    return [first, run_of(rig, 1, inventory=capped, power_cap_w=350), run_of(rig, 2)]


def test_a_cap_that_was_set_and_taken_back_is_two_changes(shown: Made):
    told = [change for event in events(shown, a_cap_set_and_taken_back) for change in event.changes]
    assert [(change.before, change.after) for change in told] == [
        ("350 W", "700 W"),
        ("700 W", "350 W"),
    ]


@of_a_rig_of_its_own
def a_cap_set_for_a_run(rig: str) -> list[Run]:
    here = {"pcie_address": "0000:0a:00.0"}
    known = changed(run_of(rig, 0).inventory, **here)
    card = CappedCard(**here, found_w=700, read_back_w=350)
    cap = PowerCap(asked_w=350, by="nvml", settled_s=2.0, cards=[card])
    under = {"inventory": changed(known, **here, power_cap_w=350.0), "power_cap_w": 350}
    return [run_of(rig, 0, inventory=known), run_of(rig, 1, **under, power_cap=cap)]


def test_a_cap_that_was_set_for_a_run_is_no_change_of_the_rig(shown: Made):
    (only,) = events(shown, a_cap_set_for_a_run)
    assert only.changes == ()
    own = [run for run in shown.tables.runs if run["rig"] == rig_of(a_cap_set_for_a_run)]
    assert {run["power_cap_w"] for run in own} == {700, 350}


@of_a_rig_of_its_own
def warm(rig: str) -> list[Run]:
    first = run_of(rig, 0)
    of_the_moment = {"temperature_c": 71.0, "pcie_generation": 1, "core_clock_mhz": 300.0}
    return [first, run_of(rig, 1, inventory=changed(first.inventory, **of_the_moment))]


def test_what_is_only_of_the_moment_is_no_change(shown: Made):
    (only,) = events(shown, warm)
    assert only.state


@of_a_rig_of_its_own
def many_builds(rig: str) -> list[Run]:
    builds = ["b10068", "b10092", "b10068", "b10434", "b10200"]
    return [run_of(rig, day, backend="cpu", build=build) for day, build in enumerate(builds)]


def test_a_build_is_new_once_and_another_order_of_runs_tells_the_same(shown: Made):
    told = [event.engine.words for event in events(shown, many_builds) if event.engine]
    assert told == [
        "CPU: llama.cpp b10200, older than llama.cpp b10434",
        "CPU: llama.cpp b10434, after llama.cpp b10092",
        "CPU: llama.cpp b10092, after llama.cpp b10068",
        "CPU: llama.cpp b10068",
    ]


def test_what_is_the_same_of_several_gpus_is_told_once():
    before, after = (
        {"inventory_key": json.dumps({"gpus": [{"driver": driver, "name": n} for n in names]})}
        for driver, names in (("580.95", ["A", "B", "C"]), ("590.10", ["A", "B", "D"]))
    )
    assert changes_between(before, after) == (
        Change("driver of GPU 0, 1 and 2", "580.95", "590.10"),
        Change("name of GPU 2", "C", "D"),
    )


def test_the_page_holds_setup_notes_runs_and_what_is_wanted(made: Made):
    page = page_of(made, "shared-vm-2core")
    assert dict(page.setups[0].facts)["Threads"] == "1"
    assert page.card.notes
    assert [run.rig for run in page.runs] == ["shared-vm-2core"] * len(page.runs)
    assert len(page.runs) == sum(run["rig"] == page.rig for run in made.tables.runs)
    assert all("Shared 2-core" in w.where for campaign in page.wanted for w in campaign.wanted)
    text = (made.project.site / page.href).read_text()
    assert all(f'href="../{run.href}"' in text for run in page.runs)


def test_every_rig_has_a_card_that_leads_to_its_page(made: Made):
    text = (made.project.site / "rigs.html").read_text()
    for rig in made.tables.rigs:
        assert f'href="rigs/{rig["rig"]}.html"' in text
        assert (made.project.site / "rigs" / f"{rig['rig']}.html").is_file()


@of_a_rig_of_its_own
def looked_at_more_closely(rig: str) -> list[Run]:
    first = run_of(rig, 0)
    settings = Settings(governor="performance", kernel_parameters={"iommu": "pt"})
    looked = changed(first.inventory, vulkan_driver="NVIDIA, 580.95.05").model_copy(
        update={"settings": settings}
    )
    other = looked.model_copy(update={"settings": Settings(governor="powersave")})
    return [first, run_of(rig, 1, inventory=looked), run_of(rig, 2, inventory=other)]


def test_what_was_not_looked_for_before_has_not_changed(shown: Made):
    latest, oldest = events(shown, looked_at_more_closely)
    assert latest.changes == (Change("clock governor", "performance", "powersave"),)
    assert oldest.changes == ()
