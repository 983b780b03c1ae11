"""Figures from elsewhere stand in a class of their own: named, filterable, never ranked."""

import json
import shutil
from pathlib import Path
from typing import get_args

import pytest

from bench_pipeline.importers.llama_bench import Asked, import_results
from bench_pipeline.importers.model_names import Described
from bench_pipeline.paths import Project, checkout
from bench_pipeline.records.rig import Backend
from bench_pipeline.site.view import Site
from bench_pipeline.warehouse.refresh import refresh
from tests.importers.results import TABLE, decode, lines, row
from tests.site.conftest import Made

RADEON = {
    "backends": "ROCm",
    "gpu_info": "AMD Radeon Graphics",
    "cpu_info": "AMD RYZEN AI MAX+ 395",
}
BENCHY = {
    "model": "fable",
    "benchmarks": [
        {
            **{"concurrency": 1, "context_size": 0, "prompt_size": 256, "response_size": 64},
            "tg_throughput": {"mean": 61.507, "std": 0.5, "values": [61.0, 62.0]},
        }
    ],
}
FABLE = Described(None, "2026-02", "Fable", "7B-chat", "Q5_K_M")

PAIR = {"gpu_info": "NVIDIA A2, NVIDIA A2", "cpu_info": "Pair CPU"}
IMPORTS: list[tuple[str, list[str], Described, Backend | None]] = [
    ("plain", [lines(row()), lines(decode())], Described(released="2026-02"), None),
    ("fa", [lines(row(flash_attn=0), row(flash_attn=1))], Described(released="2026-02"), None),
    ("pair", [lines(row(**PAIR))], Described(released="2026-02"), None),
    ("moe", [lines(row(n_cpu_moe=30))], Described(released="2026-02"), None),
    ("apu", [lines(row(**RADEON))], Described(released="2026-02"), None),
    (
        "apu",
        [
            lines(
                row(
                    **RADEON
                    | {
                        "backends": "Vulkan",
                        "gpu_info": "AMD Radeon 8060S Graphics (RADV GFX1151)",
                        "test_time": "2026-08-06T07:08:09Z",
                    }
                )
            )
        ],
        Described(),
        None,
    ),
    ("table", [TABLE], FABLE, None),
    ("served", [json.dumps(BENCHY)], FABLE, "cuda"),
    ("fork", [lines(row(build_number=4105, test="pp256", also_new=3))], Described(), None),
]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """Imported results on rigs of their own, whose CPUs and cards differ."""
    project = Project(tmp_path_factory.mktemp("imported"))
    shutil.copytree(checkout().content, project.content, ignore=shutil.ignore_patterns("runs"))
    backends = "".join(f"  {backend}: {{}}\n" for backend in get_args(Backend))
    for number, (rig, texts, model, backend) in enumerate(IMPORTS):
        (project.rigs / f"{rig}.yaml").write_text(f"title: The {rig} box\nbackends:\n{backends}")
        files: list[str | Path] = []
        for place, text in enumerate(texts):
            files.append(project.root / f"{number}-{place}.txt")
            # A result is imported once: each rig's has a number of its own.
            Path(files[-1]).write_text(text.replace("1980000", f"198{number}000"))
        import_results(files, Asked(rig, backend), project=project, model=model)
    assert not refresh(project).rejected
    made = Made(project)
    made.build()
    return made


@pytest.fixture(scope="module")
def site(made: Made) -> Site:
    return made.view


def rows_of(site: Site, rig: str):
    return [each for each in site.engine_only if each.hardware.rig == rig]


def page(made: Made, path: str) -> str:
    return (made.project.site / path).read_text()


def test_they_are_never_among_what_is_ranked(site: Site):
    assert site.rows == () and site.families == ()
    assert all(machine.boards == () for machine in site.machines)


def test_prefill_and_decode_of_one_configuration_meet_in_one_row(site: Site):
    (found,) = rows_of(site, "plain")
    assert [(speed.text, speed.of) for speed in found.prefill] == [("1280.0", "256 tokens")]
    assert [(speed.text, speed.of) for speed in found.decode] == [("64.0", "64 tokens")]
    assert found.decode[0].how.startswith("median of 3")
    assert (found.kind, found.source_text) == ("engine only", "imported")


def test_a_filter_has_the_rig_and_the_rest(site: Site):
    options = {each.name: [option.value for option in each.options] for each in site.filters}
    assert {"plain", "fa", "apu"} <= set(options["rig"])
    assert "b9100" in options["build"] and "Fable" in options["family"]


def test_model_front_and_rig_page_name_them_and_explain(made: Made, site: Site):
    (model,) = {each.model_href for each in rows_of(site, "plain")}
    for path in ("index.html", "rigs/plain.html", model):
        text = page(made, path)
        assert "1280.0" in text and "64.0" in text
        assert "brought here from their file" in text, "the word imported is explained"
    assert "No cell of it was measured yet" not in page(made, model)
    assert "The plain box" in page(made, "index.html")


def test_runs_that_differ_in_a_setting_are_told_apart_wherever_they_are_named(made, site: Site):
    assert {each.settings for each in rows_of(site, "fa")} == {"flash_attn 0", "flash_attn 1"}
    (model,) = {each.model_href for each in rows_of(site, "fa")}
    for path in ("index.html", "rigs/fa.html", model):
        assert "flash_attn 0" in page(made, path) and "flash_attn 1" in page(made, path)
    runs = [run for model in site.models for run in model.runs if run.rig == "fa"]
    assert len({run.title for run in runs}) == 2


def test_several_cards_are_several_in_every_place(made: Made, site: Site):
    (found,) = rows_of(site, "pair")
    assert found.hardware.device.startswith("2 × A2")
    card = next(card for card in site.cards if card.rig == "pair")
    assert "2 × A2" in card.summary and card.summary.count("A2") == 1


def test_a_model_partly_in_the_host_s_memory_is_marked_beside_its_figures(made, site: Site):
    (found,) = rows_of(site, "moe")
    assert "experts of 30 layers" in found.spilled
    for path in ("index.html", "rigs/moe.html", found.href):
        assert "spilled" in page(made, path)


def test_the_newest_file_s_card_is_the_rig_s_and_two_names_are_no_change(made, site: Site):
    card = next(card for card in site.cards if card.rig == "apu")
    assert "8060S" in card.summary and card.badge == "imported"
    text = page(made, "rigs/apu.html")
    assert "As imported files name it" in text
    assert "As printed on the page that published it" not in text
    assert "name of the GPU" not in text


def test_a_mean_without_samples_says_so_beside_the_figure(made: Made, site: Site):
    (found,) = rows_of(site, "table")
    assert found.prefill[0].how == "mean ± 12.8, no samples"
    assert "mean ± 12.8, no samples" in page(made, found.href)


def test_other_programs_figures_stand_in_their_own_digits(made: Made, site: Site):
    (found,) = rows_of(site, "served")
    assert found.kind == "as published" and found.decode[0].text == "61.507 tok/s"
    assert found.decode[0].how == "mean ± 0.5 of 2"
    assert "61.507" in page(made, found.href)


def test_nothing_untrue_is_said_of_them(made: Made, site: Site):
    for each in site.engine_only:
        text = page(made, each.href)
        assert "holds every single request" not in text
        assert "builds behind" not in text


def test_keys_that_nobody_knows_are_shown(made: Made, site: Site):
    (found,) = rows_of(site, "fork")
    assert (found.engine, found.build) == ("ik_llama.cpp", "4105")
    assert "also_new 3" in page(made, found.href)
