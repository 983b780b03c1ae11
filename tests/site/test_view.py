import pytest

from bench_pipeline.records.inventory import Gpu, Inventory
from bench_pipeline.records.run import Model, Run, Source
from bench_pipeline.site import hardware, wording
from bench_pipeline.site.tables.rows import TableRow, model_name
from bench_pipeline.site.view import Site
from tests.factories import SMOLLM2, failed_cell, measured_cell, measured_run
from tests.site.cases import Case, Cases, Shown
from tests.site.conftest import EARLIER, MISTRAL, OUT_OF_MEMORY, Made, make, on_h100

CASES = Cases()
case = CASES.of_its_own


@pytest.fixture(scope="module")
def shown(made: Made) -> Site:
    return made.view


@pytest.fixture(scope="module")
def cases(tmp_path_factory: pytest.TempPathFactory) -> dict[Case, Shown]:
    return CASES.shown(tmp_path_factory.mktemp("cases"))


def only(site: Site, **wanted: object) -> TableRow:
    found = [r for r in site.rows if all(getattr(r, k) == v for k, v in wanted.items())]
    assert len(found) == 1, found
    return found[0]


def test_families_stand_newest_first_with_their_month_and_counts(made: Made, shown: Site):
    assert [(family.released, family.name.lower()) for family in shown.families] == sorted(
        ((family.released, family.name.lower()) for family in shown.families),
        key=lambda known: (-int(known[0].replace("-", "")), known[1]),
    )
    assert wording.month(shown.families[0].released) == "April 2026"
    speeds = [row["family"] for row in made.tables.workload_speeds]
    assert {family.name for family in shown.families} > set(speeds)  # one has failed runs alone
    for family in shown.families:
        assert family.results == speeds.count(family.name)
        assert {row.family for row in family.rows} == {family.name}
    assert sum(len(family.rows) for family in shown.families) == len(shown.rows)


def test_a_published_row_reads_as_it_was_printed(shown: Site):
    row = only(shown, family="LFM2", variant="8B-A1B")
    assert row.text == "319.2 – 364.9"
    assert row.hardware.text == "GeForce RTX 5070 · 11.9 GiB · 250 W · drv 595"
    assert (row.backend_name, row.build, row.concurrency) == ("Vulkan", "b9174", 1)
    assert row.source_text == "published"
    assert all(figure.n is None and not figure.interval for figure in row.figures)


def test_a_measured_row_has_repetitions_and_intervals_for_each_workload(shown: Site):
    row = only(shown, family="SmolLM2", build="b10434", concurrency=1)
    assert [figure.title for figure in row.figures] == [
        *("Chat", "Retrieval", "Code generation", "Agent step")
    ]
    for figure in row.figures:
        assert figure.n == 5 and figure.lo <= figure.tok_s <= figure.hi
        assert row.low <= figure.tok_s <= row.high
    assert row.source_text == "measured"
    assert row.hardware.text == "Intel Xeon · 1 core · 7.8 GiB RAM"


def test_a_row_of_builds_measured_in_turns_counts_the_starts_of_their_servers(shown: Site):
    for build in ("b10068", "b10092"):
        row = only(shown, family="Gemma-3", build=build)
        assert [figure.title for figure in row.figures if figure.n] == ["Chat", "Retrieval"]
        for figure in row.figures[:2]:
            assert figure.n == 6 and figure.lo < figure.tok_s < figure.hi
        assert row.source_text == "measured"


def test_a_quick_run_is_provisional(shown: Site):
    row = only(shown, family="Gemma-3", backend="cuda", concurrency=4)
    assert row.source_text == "provisional"


@case
def full_and_then_quick(model: Model) -> list[Run]:
    full = measured_run(model=model, started_at=EARLIER)
    return [full, measured_run(model=model, profile="quick", decode_tok_s=90)]


def test_a_full_run_is_shown_before_a_newer_quick_one(cases):
    both = cases[full_and_then_quick]
    rows = [row for row in both.rows if row.concurrency == 1]
    assert [row.source_text for row in rows] == ["measured"]
    quick, full = both.runs
    assert (quick.profile, full.profile) == ("quick", "full")
    assert full.run_id in rows[0].href


def test_a_row_says_which_of_its_workloads_are_missing_and_why(shown: Site):
    row = only(shown, family="SmolLM2", build="b10092")
    assert row.note == "2 of 4 workloads; else ran out of time and crashed"
    reasons = [figure.reason for figure in row.figures]
    assert reasons == ["", "", "ran out of time", "crashed"]


def test_what_does_not_fit_is_a_row_with_its_reason(shown: Site):
    loading = only(shown, family="Mistral-Large", backend="cpu")
    assert (loading.text, loading.concurrency) == ("does not fit in memory", None)
    spilled = only(shown, family="Mistral-Large", backend="cuda", concurrency=4)
    assert spilled.text == "does not fit: spilled to system memory"
    assert spilled.low is None and not any(figure.tok_s for figure in spilled.figures)


def test_clocks_that_disagree_are_not_listed_as_a_speed(tmp_path):
    site = make(tmp_path, [measured_run(clock_ratio=1.05, concurrencies=[1])]).view
    assert [row.text for row in site.rows] == ["clocks disagree, not listed"]
    assert not site.charts


@case
def failed_and_then_succeeded(model: Model) -> list[Run]:
    failed = {"cells": [], "status": "failed", "failure": OUT_OF_MEMORY, "started_at": EARLIER}
    return [measured_run(model=model, **failed), measured_run(model=model, concurrencies=[1])]


def test_a_run_that_failed_is_forgotten_once_a_later_one_succeeds(cases):
    both = cases[failed_and_then_succeeded]
    assert [row.problem for row in both.rows] == [""]
    assert [run.status for run in both.runs] == ["measured", "failed"]


@case
def under_two_caps(model: Model) -> list[Run]:
    capped = on_h100(model=model, power_cap_w=350, seed=2)
    return [on_h100(model=model, concurrencies=[1]), capped]


def test_another_power_cap_is_another_row(cases):
    rows = cases[under_two_caps].rows
    caps = {row.hardware.details[1] for row in rows if row.concurrency == 1}
    assert caps == {"700 W", "350 W"}


def test_rows_are_fastest_first_and_rows_without_a_figure_last(shown: Site):
    speeds = [row.high for row in shown.rows]
    figures = [speed for speed in speeds if speed is not None]
    assert figures == sorted(figures, reverse=True)
    assert None not in speeds[: len(figures)]


def test_a_family_and_a_variant_of_one_name_are_named_once():
    assert model_name("LFM2.5-350M", "350M", "Q4_K_M") == "LFM2.5-350M Q4_K_M"
    assert model_name("LFM2", "1.2B", "Q4_K_M") == "LFM2 1.2B Q4_K_M"


def test_each_rig_has_a_card_from_its_inventory(shown: Site):
    cards = {card.rig: card for card in shown.cards}
    assert list(cards) == ["h100-vm", "shared-vm-2core", "gaming-desktop"]
    h100 = dict(cards["h100-vm"].facts)
    assert h100["GPU"] == "NVIDIA H100 80GB HBM3"
    assert h100["Driver"] == "580.95.05, CUDA 13.0"
    assert h100["Power"] == "700 W cap, 700 W default, 700 W at most"
    assert h100["Engines run"] == "llama.cpp b11434 (CUDA)"
    assert "No GPU" in cards["shared-vm-2core"].summary
    assert len(cards["shared-vm-2core"].notes) == 2


def test_a_published_card_keeps_both_drivers_as_printed(shown: Site):
    card = next(card for card in shown.cards if card.published)
    facts = dict(card.facts)
    assert facts["driver"] == "595.71.05 (card) / 595.58.03 (prose list)"
    assert facts["power"] == "250 W / 300 W max (83% cap)"
    assert "vulkan-1a68ec9" in facts["backends"]


def test_a_capped_card_says_by_how_much():
    inventory = Inventory.model_validate(
        {
            "cpu": {"model": "AMD Ryzen 9 7900 12-Core Processor", "physical_cores": 12},
            "memory": {"total_mib": 31232},
            "os": {"name": "CachyOS"},
            "gpus": [
                Gpu(
                    index=0,
                    vendor="nvidia",
                    name="NVIDIA GeForce RTX 5070",
                    memory_mib=12227,
                    power_cap_w=250,
                    power_max_w=300,
                )
            ],
        }
    )
    assert hardware.summary(inventory) == (
        "AMD Ryzen 9 7900 12-Core (12 cores) with 30.5 GiB of memory. "
        "GeForce RTX 5070 with 11.9 GiB, capped at 250 W (83 % of what it may draw)."
    )


def test_what_is_coming_is_what_no_run_satisfies(made: Made, shown: Site):
    left = [item for item in made.tables.campaign_items if not item["done"]]
    assert left
    wanted = [wanted for campaign in shown.coming for wanted in campaign.wanted]
    for item in left:
        name = model_name(item["family"], item["variant"], item["quant"])
        assert any(
            item["build"] in each.where and name in each.models and "stream" in each.where
            for each in wanted
        ), item
    assert all(campaign.why for campaign in shown.coming)


def test_a_model_page_has_every_run_and_every_cell(made: Made, shown: Site):
    cells = {
        (run.run_id, cell.workload, cell.concurrency)
        for page in shown.models
        for run in page.runs
        for cell in run.cells
    }
    assert len(cells) == len(made.tables.measurements)
    assert {run.run_id for page in shown.models for run in page.runs} == {
        run["run_id"] for run in made.tables.runs
    }


def test_a_failed_run_shows_the_engines_last_words(shown: Site):
    page = next(page for page in shown.models if page.slug == MISTRAL.slug)
    failed = next(run for run in page.runs if run.status == "failed")
    assert failed.failure == ("does not fit in memory: unable to allocate a CPU buffer of 73 GiB")
    assert failed.log_tail == ("ggml_aligned_malloc: insufficient memory",)


def test_a_measured_run_shows_the_command_that_repeats_it(shown: Site):
    page = next(page for page in shown.models if page.slug == SMOLLM2.slug)
    servers = next(run.servers for run in page.runs if run.hardware.rig == "h100-vm")
    assert len(servers) == 2
    for server in servers:
        assert server.command.startswith(
            "llama-server --model SmolLM2-135M-Instruct.Q4_1.gguf --fit off"
        )


@case
def crashed(model: Model) -> list[Run]:
    cell = measured_cell("chat", 1, decode_tok_s=100)
    return [measured_run(model=model, cells=[cell, failed_cell("rag", 1)])]


def test_a_column_without_any_figure_is_left_out(cases):
    run = cases[crashed].run
    assert "joules_per_token" not in run.metrics and "ttft_ms" in run.metrics
    assert run.cells[1].verdict == "crashed"


def test_a_warehouse_without_runs_makes_a_page_that_says_so(tmp_path):
    made = make(tmp_path, [])
    made.build()
    text = (made.project.site / "index.html").read_text()
    assert "No run has been measured yet" in text


def test_a_source_is_linked_only_where_it_is_a_web_page(tmp_path):
    urls = ("https://example.org/page", "javascript:alert(1)")
    runs = [
        measured_run(concurrencies=[1], seed=seed).model_copy(
            update={"provenance": "imported", "source": Source(title="Their page", url=url)}
        )
        for seed, url in enumerate(urls)
    ]
    made = make(tmp_path, runs)
    made.build()
    pages = {run.run_id: made.project.site / run.href for run in made.view.models[0].runs}
    for run, url in zip(runs, urls, strict=True):
        page = pages[run.run_id].read_text()
        assert "Their page" in page, url
        assert (f'href="{url}"' in page) == url.startswith("https"), url
