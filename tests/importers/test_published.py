"""Figures that a page prints become run files: as printed, with their source, nothing invented."""

from datetime import date

import pytest
import yaml

from bench_pipeline.cli.commands import main
from bench_pipeline.errors import BenchError, RecordError
from bench_pipeline.importers.published import publish_figures
from bench_pipeline.paths import checkout
from bench_pipeline.records.yaml.files import read_run, run_files
from bench_pipeline.warehouse.refresh import refresh
from bench_pipeline.warehouse.store import Warehouse
from tests.published import whole_csv

ALL = {
    "rig": "box",
    "backend": "vulkan",
    "build": "b9174",
    "source_title": "Somebody's page",
    "source_url": "https://example.org/bench",
    "seen_on": "2026-11-20",
    "family": "Fable",
    "variant": "7B-chat",
    "released": "2026-02",
    "cards": "2 of the 4 cards",
}


@pytest.fixture
def publish(box, tmp_path):
    """`publish(row, row)`: the runs of a YAML file of these rows, over `ALL`."""

    def publishing(*rows: dict, machine: dict | None = None, **different):
        file = tmp_path / "figures.yaml"
        document = {"all": ALL | different, "rows": list(rows)}
        file.write_text(yaml.safe_dump(document | ({"machine": machine} if machine else {})))
        return [read_run(path) for path in publish_figures(file, box)]

    return publishing


def figure(what="ttft_ms", value="81.5", **about) -> dict:
    return {"what": what, "value": value, **about}


@pytest.mark.parametrize(
    ("row", "told"),
    [
        (figure("decode_tok_s", "206.5 – 216.7"), (206.5, 216.7, "206.5 – 216.7", "range")),
        (figure("decode_tok_s", "206.5-216.7"), (206.5, 216.7, "206.5-216.7", "range")),
        (figure("prefill_tok_s", "12,345.60"), (12345.6, None, "12,345.60", None)),
        (figure("ttft_ms", "~80", statistic="median"), (80.0, None, "~80", "median")),
        (figure("bandwidth_gb_s", "448 GB/s"), (448.0, None, "448 GB/s", None)),
        (figure("compute_tflops", "31.2", power_cap_w=250), (31.2, None, "31.2", None)),
        (figure("peak_memory_mib", "5,120"), (5120.0, None, "5,120", None)),
        (
            figure("end_to_end_tok_s", "99.90", workload="mixed_4096_256"),
            (99.9, None, "99.90", None),
        ),
        (figure("output_tokens", "412", statistic="median"), (412.0, None, "412", "median")),
    ],
)
def test_a_figure_stays_as_it_is_printed(publish, row, told):
    (run,) = publish(row)
    (found,) = run.printed.figures
    assert (found.value, found.high, found.printed, found.statistic) == told
    assert found.label == row.get("workload")
    assert run.provenance == "published" and run.cells == [] and run.started_at is None
    assert run.source.url == ALL["source_url"] and run.printed.seen_on == date(2026, 11, 20)
    assert run.printed.cards == "2 of the 4 cards"


def test_a_decode_rate_of_our_workload_is_a_cell(publish):
    (run,) = publish(
        figure("decode_tok_s", "64.0", workload="chat", concurrency=1),
        figure("decode_tok_s", "58.0", workload="chat", concurrency=4),
        figure("ttft_ms", "81.5", workload="chat", concurrency=4, statistic="mean"),
        figure("decode_tok_s", "70", workload="tg_512", concurrency=1),
        figure("decode_tok_s", "65", workload="chat", concurrency=1, statistic="mean"),
    )
    assert [(c.workload, c.concurrency, c.published.decode_tok_s) for c in run.cells] == [
        *(("chat", 1, 64.0), ("chat", 4, 58.0)),
    ]
    assert [found.printed for found in run.printed.figures] == ["81.5", "70", "65"]


def test_what_the_page_does_not_say_stays_unknown(publish):
    (run,) = publish(figure())
    assert (run.model.quant, run.model.creator, run.power_cap_w) == ("not said", None, None)
    assert run.inventory.gpus == [] and run.inventory.memory.total_mib is None


def test_each_configuration_is_a_run(publish):
    runs = publish(
        figure(),
        figure(build="b9200"),
        figure(backend="cuda"),
        figure(power_cap_w=200),
        figure(quant="Q8_0"),
    )
    assert len(runs) == len({run.run_id for run in runs}) == 5


def test_a_csv_has_a_line_for_each_figure(box, tmp_path, monkeypatch, capsys):
    row = {**ALL, "gpu": "Example GPU + Example GPU", "what": "decode_tok_s", "value": '"1,206.5"'}
    file = tmp_path / "figures.csv"
    file.write_text(f"{','.join(row)},n\n{','.join(row.values())},\n")
    monkeypatch.setattr("bench_pipeline.cli.commands.checkout", lambda: box)
    assert main(["publish-figures", str(file)]) == 0
    run = read_run(box.root / capsys.readouterr().out.strip())
    assert run.printed.figures[0].printed == "1,206.5"
    assert [gpu.name for gpu in run.inventory.gpus] == ["Example GPU"] * 2
    assert main(["publish-figures", str(file)]) == 1
    assert "was brought here before" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        (figure(value="fast"), "is no number and no range"),
        (figure(value="20 – 10"), "falls"),
        (figure("vibes"), "`what`"),
        (figure(mood="good"), "`mood`"),
        (figure(source_url="javascript:alert(1)"), "`source_url`"),
        (figure(rig="nowhere"), "no rig `nowhere`"),
        (figure(released="2025"), "`released`"),
        (figure(seen_on="yesterday"), "`seen_on`"),
        (figure(family="Gemma-3", variant="270m", model="gemma-3-270m-q4_k_m"), "2025-03"),
    ],
)
def test_a_row_that_is_none_is_named_and_nothing_is_written(publish, box, row, problem):
    with pytest.raises(BenchError) as caught:
        publish(figure(), row)
    assert problem in str(caught.value)
    assert list(run_files(box.runs)) == []


def test_a_cell_is_printed_once(publish):
    cell = figure("decode_tok_s", "64.0", workload="chat", concurrency=1)
    with pytest.raises(RecordError, match="second figure") as caught:
        publish(cell, dict(cell))
    assert "row 2" in str(caught.value.where)


def ranges(project) -> str:
    assert not refresh(project).rejected
    with Warehouse(project.warehouse).read() as connection:
        return whole_csv(connection, "speed_ranges")


def test_the_page_of_the_first_runs_is_made_again_to_the_byte(box, tmp_path):
    """From its figures alone: the same cells, the same ranges, in the same bytes."""
    folder = checkout().runs / "gaming-desktop"
    seed = [read_run(path) for path in run_files(folder)]
    rows = [
        {
            **{"rig": run.rig, "backend": run.backend, "build": run.engine.build},
            **{"power_cap_w": run.power_cap_w, "run_id": run.run_id, "model": run.model.slug},
            **{"family": run.model.family, "variant": run.model.variant},
            **{"quant": run.model.quant, "released": run.model.released},
            **{"source_title": run.source.title, "source_url": run.source.url},
            **{"source_note": run.source.note, "seen_on": "2026-11-20"},
            **{"what": "decode_tok_s", "value": str(cell.published.decode_tok_s)},
            **{"workload": cell.workload, "concurrency": cell.concurrency},
        }
        for run in seed
        for cell in run.cells
    ]
    machine = seed[0].inventory.model_dump(mode="json", exclude_none=True)
    file = tmp_path / "seed.yaml"
    file.write_text(yaml.safe_dump({"machine": machine, "rows": rows}, sort_keys=False))
    made = publish_figures(file, box)
    assert {path.relative_to(box.runs): path.read_bytes() for path in made} == {
        path.relative_to(checkout().runs): path.read_bytes() for path in run_files(folder)
    }
    assert ranges(box).count("published") == 10
