import dataclasses
from types import SimpleNamespace

import pytest

from bench_pipeline.errors import SiteError
from bench_pipeline.site import charts
from bench_pipeline.site.charts import NARROW, WIDE, WorkloadChart, draw, workload_charts
from tests.site import drawings
from tests.site.conftest import Made

HALF_PX = 0.5


@pytest.fixture(scope="module")
def some_charts(made: Made) -> list[WorkloadChart]:
    return list(made.view.charts)


def wrong_bars(svg: str, chart: WorkloadChart) -> list[str]:
    """What a drawing says that its data doesn't."""
    drawing = drawings.read(svg)
    wrong = []
    true = {bar.row.id: bar.figure.tok_s for bar in chart.bars}
    if [bar.row for bar in drawing.bars] != list(true):
        wrong.append("other bars or another order than the data")
    if sorted(drawing.bars, key=lambda bar: bar.top) != drawing.bars:
        wrong.append("bars not from fastest to slowest")
    for bar in drawing.bars:
        if abs(bar.start) * drawing.px_per_unit > HALF_PX:
            wrong.append(f"{bar.row} starts at {bar.start}")
        if abs(bar.end - (true[bar.row] or 0)) * drawing.px_per_unit > HALF_PX:
            wrong.append(f"{bar.row} ends at {bar.end}, is {true[bar.row]}")
    return wrong


@pytest.mark.parametrize("size", [WIDE, NARROW], ids=["wide", "narrow"])
def test_every_bar_starts_at_zero_and_ends_at_its_value(some_charts, size):
    for chart in some_charts:
        assert wrong_bars(draw(chart, size), chart) == []


@pytest.mark.parametrize("size", [WIDE, NARROW], ids=["wide", "narrow"])
def test_intervals_are_drawn_where_they_were_measured_and_nowhere_else(some_charts, size):
    for chart in some_charts:
        drawing = drawings.read(draw(chart, size))
        measured = {bar.row.id: bar.figure for bar in chart.bars if bar.figure.lo is not None}
        assert set(drawing.intervals) == set(measured)
        for row, (low, high) in drawing.intervals.items():
            assert abs(low - measured[row].lo) * drawing.px_per_unit <= HALF_PX
            assert abs(high - measured[row].hi) * drawing.px_per_unit <= HALF_PX


def test_there_is_a_chart_for_each_workload_and_concurrency_with_all_its_figures(made: Made):
    drawn = {
        (chart.workload, chart.concurrency, bar.row.id, bar.figure.tok_s)
        for chart in made.view.charts
        for bar in chart.bars
    }
    listed = {
        (figure.workload, row.concurrency, row.id, figure.tok_s)
        for row in made.view.rows
        for figure in row.figures
        if figure.tok_s is not None
    }
    assert drawn == listed
    assert len(listed) == len(made.tables.workload_speeds)


def twins(chart: WorkloadChart) -> WorkloadChart:
    """Two rows that read exactly the same, as two runs of one model on like machines would."""
    first = next(bar for bar in chart.bars if bar.figure.lo is not None)
    other = dataclasses.replace(first, row=dataclasses.replace(first.row, id="row-other"))
    return dataclasses.replace(chart, bars=(first, other))


def test_two_rows_that_read_the_same_stay_two_bars(some_charts):
    chart = twins(some_charts[0])
    assert wrong_bars(draw(chart, WIDE), chart) == []


def test_a_chart_that_stacks_bars_of_one_label_would_be_caught(some_charts, monkeypatch):
    """The mistake that every usual check passes: proof that ours doesn't."""
    chart = twins(some_charts[0])
    right = charts.specification

    def stacking(chart: WorkloadChart, size: charts.Size) -> SimpleNamespace:
        spec = right(chart, size).to_dict()
        for layer in spec["layer"]:
            layer["encoding"]["y"] = {"field": "name", "type": "nominal", "axis": None}
            layer["encoding"]["x"].pop("stack", None)
        bars = next(layer for layer in spec["layer"] if layer["name"] == "bars")
        bars["encoding"]["x"].pop("scale")
        return SimpleNamespace(to_dict=lambda: spec)

    monkeypatch.setattr(charts, "specification", stacking)
    assert any("starts at" in wrong for wrong in wrong_bars(draw(chart, WIDE), chart))


def test_too_many_bars_are_refused_before_they_are_drawn(made: Made, monkeypatch):
    monkeypatch.setattr(charts, "MAX_BARS", 2)
    with pytest.raises(SiteError, match="over 2"):
        workload_charts(made.view.rows, made.tables.workloads)


def test_names_with_control_characters_and_markup_are_drawn_as_text(some_charts):
    bar = some_charts[0].bars[0]
    evil = dataclasses.replace(bar.row, variant="</svg><script>x\x1b[31m\x00", family="F")
    chart = dataclasses.replace(some_charts[0], bars=(dataclasses.replace(bar, row=evil),))
    svg = draw(chart, WIDE)
    assert "<script" not in svg and "\x1b" not in svg
    assert "&lt;/svg&gt;&lt;script&gt;" in svg


def test_a_drawing_says_in_a_sentence_what_it_shows(some_charts):
    chart = some_charts[0]
    assert f'<title id="{chart.id}-wide">{chart.finding.replace("&", "&amp;")}</title>' in draw(
        chart, WIDE
    )
    assert chart.bars[0].figure.text in chart.finding


def test_drawings_take_their_colours_from_the_page(some_charts):
    svg = draw(some_charts[0], WIDE)
    assert "var(--bar)" in svg
    assert not any(colour in svg for colour in ('fill="black"', 'fill="#', 'stroke="#', "white"))
