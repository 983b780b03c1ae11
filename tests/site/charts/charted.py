"""A site with something for every chart: quants, power caps, two machines that read the same."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bench_pipeline.records.run import Run, TensorsOfType
from bench_pipeline.records.server import Bandwidth
from bench_pipeline.site.charts.configurations import Chart
from bench_pipeline.site.charts.kinds import PREFILL
from bench_pipeline.site.pages import families as family_pages
from bench_pipeline.site.pages import front as front_page
from bench_pipeline.site.pages.press import Press
from bench_pipeline.warehouse.refresh import refresh
from tests.factories import SMOLLM2, measured_run
from tests.site.charts import drawings
from tests.site.conftest import GEMMA3, Made, make, on_h100

SIZES = {"Q4_1": 98_362_432, "Q8_0": 144_811_136, "F16": 270_885_000}
BITS = {"Q4_1": 5.0, "Q8_0": 8.5, "F16": 16.0}
H100_BANDWIDTH = Bandwidth(
    device="CUDA0", bytes_per_s=3.35e12, source="theoretical", how="5120 bit at 2619 MHz"
)


def quant(name: str) -> dict[str, Any]:
    held = TensorsOfType(type=name, tensors=9, weights=800, size_bytes=int(BITS[name] * 100))
    update = {
        "quant": name,
        "slug": f"smollm2-135m-{name.lower()}",
        "size_bytes": SIZES[name],
        "sha256": name.lower().encode().hex().ljust(64, "a"),
        "experts": 0,
        "tensors": [held],
    }
    return {"model": SMOLLM2.model_copy(update=update)}


def runs() -> list[Run]:
    few = {"workloads": ["chat", "rag"]}
    known = few | {"bandwidth": [H100_BANDWIDTH.model_dump()]}
    twin = few | {"backend": "cuda", "build": "b11434", "model": GEMMA3, "decode_tok_s": 511}
    return [
        measured_run(decode_tok_s=115, **few),
        measured_run(decode_tok_s=62, model=GEMMA3, **few),
        on_h100(decode_tok_s=742, prefill_tok_s=31000, **quant("Q4_1"), **known),
        on_h100(decode_tok_s=655, prefill_tok_s=33000, **quant("Q8_0"), **known),
        on_h100(decode_tok_s=498, prefill_tok_s=41000, **quant("F16"), **known),
        on_h100(decode_tok_s=735, power_cap_w=500, seed=3, **quant("Q4_1"), **known),
        on_h100(decode_tok_s=611, power_cap_w=350, seed=2, **quant("Q4_1"), **known),
        measured_run(rig="first-h100", seed=2, **twin),
        measured_run(rig="second-h100", seed=3, **twin),
    ]


def make_everything(folder: Path) -> Made:
    """All of `runs`, the twins' rigs with one title: nothing that is drawn tells them apart."""
    made = make(folder, runs())
    for rig in ("first-h100", "second-h100"):
        text = "title: An H100\nkind: virtual-machine\nbackends:\n  cuda: {}\n"
        (made.project.rigs / f"{rig}.yaml").write_text(text)
    assert not refresh(made.project).rejected
    return made


def write_pages(made: Made, folder: Path) -> Path:
    """The front page with every chart, and the families' pages that it would be divided into, with
    their static and lazy files alone."""
    site, tables = made.view, made.tables
    press = Press()
    written = press.files | front_page.pages(press, site, tables)
    written |= family_pages.pages(press, site.rows, tables)
    for path, content in written.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)
    return folder


def wrong(svg: str, chart: Chart) -> list[str]:
    """What a drawing of the chart says that the chart's marks don't."""
    if not chart.kind.at:
        return drawings.wrong_bars(svg, [(mark.row.id, mark.value) for mark in chart.drawn])
    true = [(mark.row.id, mark.at or 0.0, mark.value) for mark in chart.drawn]
    return drawings.wrong_points(svg, true, logarithmic=chart.kind is PREFILL)


def of_kind(charts: Sequence[Chart], name: str) -> list[Chart]:
    return [chart for chart in charts if chart.kind.name == name]
