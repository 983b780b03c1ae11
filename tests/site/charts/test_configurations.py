"""What the charts show, and that their drawings show just that."""

import dataclasses
import hashlib
import json
import xml.etree.ElementTree as ET

import pytest

from bench_pipeline.site.charts import configurations as charts
from bench_pipeline.site.charts import specs as chart_specs
from bench_pipeline.site.charts.bars import arranged, bars
from bench_pipeline.site.charts.configurations import Chart
from bench_pipeline.site.charts.kinds import KINDS, PREFILL
from bench_pipeline.site.charts.sizes import NARROW, SIZES, WIDE
from bench_pipeline.site.charts.specs import draw
from bench_pipeline.site.charts.views import RUNTIME, VENDOR, chart_view
from bench_pipeline.site.trends import chart as trends
from tests.factories import measured_run
from tests.site.charts import charted, drawings
from tests.site.charts.charted import of_kind, wrong
from tests.site.conftest import Made, make, on_h100

RUNTIME_SHA256 = "ea6a5936381d06f912466354e2b6a20eb66c4d41f1ca9dff1e0236dfee6ee392"


@pytest.fixture(scope="module")
def all_charts(everything: Made) -> tuple[Chart, ...]:
    return everything.view.charts


def test_each_kind_has_a_chart_where_two_figures_can_be_compared(all_charts):
    shown = {chart.kind.name: chart.concurrency for chart in reversed(all_charts)}
    assert shown == dict.fromkeys((kind.name for kind in KINDS), 1)
    assert all(len(chart.marks) >= 2 for chart in all_charts)


def test_one_figure_alone_is_no_chart(tmp_path):
    assert make(tmp_path, [measured_run()]).view.charts == ()


@pytest.mark.parametrize("size", SIZES, ids=lambda size: size.name)
@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_every_mark_is_drawn_at_its_value(all_charts, kind, size):
    for chart in of_kind(all_charts, kind.name)[:2]:
        assert wrong(draw(chart, size), chart) == []


def test_intervals_are_drawn_where_they_were_measured_and_nowhere_else(all_charts):
    for chart in of_kind(all_charts, "decode")[:2]:
        drawing = drawings.read(draw(chart, WIDE))
        measured = {mark.row.id: mark for mark in chart.marks if mark.lo is not None}
        assert set(drawing.intervals) == set(measured)
        for row, (left, _, right, _) in drawing.intervals.items():
            assert abs(left - drawing.x.px(measured[row].lo)) <= 0.5
            assert abs(right - drawing.x.px(measured[row].hi)) <= 0.5


def test_decode_charts_hold_all_listed_figures(all_charts, everything: Made):
    drawn = {
        (chart.workload, chart.concurrency, mark.row.id, mark.value)
        for chart in of_kind(all_charts, "decode")
        for mark in chart.marks
    }
    listed = {
        (figure.workload, row.concurrency, row.id, figure.tok_s)
        for row in everything.view.rows
        for figure in row.figures
        if figure.tok_s is not None
    }
    assert drawn == listed
    assert len(listed) == len(everything.tables.workload_speeds)


def test_other_charts_hold_what_was_measured(all_charts, everything: Made):
    cells = {}
    for cell in everything.tables.measurements:
        place = cell["run_id"], cell["workload"], cell["concurrency"]
        cells[f"runs/{place[0]}.html#{place[1]}-{place[2]}"] = cell
    for chart in all_charts:
        for mark in chart.marks:
            cell = cells[mark.href]
            wanted = {
                "decode": (None, cell["decode_tok_s"]),
                "prefill": (cell["decode_tok_s"], cell["prefill_tok_s"]),
                "ceiling": (None, (cell["ceiling_share"] or 0) * 100),
                "quants": (charted.SIZES.get(cell["quant"], 0) / 1e9, cell["decode_tok_s"]),
                "bits": (charted.BITS.get(cell["quant"]), cell["decode_tok_s"]),
                "caps": (cell["power_cap_w"], cell["decode_tok_s"]),
                "energy": (cell["power_cap_w"], cell["joules_per_token"]),
            }
            assert (mark.at, mark.value) == wanted[chart.kind.name]


def test_a_mark_says_if_its_figure_is_provisional(tmp_path):
    quick = measured_run(workloads=["chat"], profile="quick")
    shown = make(tmp_path, [quick, on_h100(workloads=["chat"])]).view.charts
    assert [mark.detail.endswith(" · provisional") for mark in shown[0].marks] == [True, False]


def test_sweeps_join_only_what_differs_in_nothing_else(all_charts):
    quants = of_kind(all_charts, "quants")[0]
    assert {mark.label for mark in quants.marks} == {"Q4_1", "Q8_0", "F16"}
    for kind in ("caps", "energy"):
        caps = of_kind(all_charts, kind)[0]
        assert {mark.label for mark in caps.marks} == {"700 W", "500 W, knee", "350 W"}
        assert {mark.row.quant for mark in caps.marks} == {"Q4_1"}


def test_two_caps_are_no_chart(tmp_path):
    two = [on_h100(power_cap_w=cap_w, seed=cap_w, workloads=["chat"]) for cap_w in (350, 700)]
    kinds = {chart.kind.name for chart in make(tmp_path, two).view.charts}
    assert kinds == {"decode", "prefill"}


def test_marks_stand_in_order_of_their_value(all_charts):
    for chart in all_charts:
        values = [mark.value for mark in chart.marks]
        assert values == sorted(values, reverse=True)


def test_two_rows_that_read_the_same_stay_two_bars(all_charts):
    chart = of_kind(all_charts, "decode")[0]
    words = [(mark.row.name, mark.detail) for mark in chart.marks]
    assert len(set(words)) == len(words) - 1
    assert wrong(draw(chart, WIDE), chart) == []


def stacked(kind, size):
    """The mistake that every usual check passes: bars of one label, summed up."""
    import vl_convert

    spec = bars(kind, size).to_dict()
    drawn = next(layer for layer in spec["layer"] if layer["name"] == "bars")
    del drawn["mark"]["y"], drawn["mark"]["height"], drawn["mark"]["orient"]
    drawn["encoding"]["y"] = {"field": "name", "type": "nominal", "axis": None}
    drawn["encoding"]["x"].pop("stack", None)
    drawn["encoding"]["x"].pop("scale")
    return arranged(vl_convert.vegalite_to_vega(spec), size)


def test_a_chart_that_stacks_bars_of_one_label_would_be_caught(all_charts, monkeypatch):
    chart = of_kind(all_charts, "decode")[0]
    monkeypatch.setattr(chart_specs, "compiled", stacked)
    assert any("starts at" in each for each in wrong(draw(chart, WIDE), chart))


def test_a_drawing_shows_the_first_marks_and_says_how_many_there_are(all_charts):
    chart = of_kind(all_charts, "decode")[0]
    few = dataclasses.replace(chart, most=3)
    assert [mark.row.id for mark in few.drawn] == [mark.row.id for mark in chart.marks[:3]]
    assert f"the first 3 of {len(chart.marks)} configurations" in few.finding
    assert few.drawn[-1].text in few.finding


def test_a_chart_too_heavy_for_its_names_draws_fewer_marks_and_says_so(
    all_charts, everything: Made, monkeypatch
):
    heavy = of_kind(all_charts, "decode")[0]
    sizes = [len(json.dumps(mark.datum)) for mark in heavy.marks]
    monkeypatch.setattr(charts, "MAX_DRAWN_BYTES", sum(sizes[:3]) + 1)
    light = of_kind(charts.ChartMaker(everything.tables).charts(everything.view.rows), "decode")[0]
    assert light.marks == heavy.marks and light.drawn == heavy.drawn[:3]
    assert f"the first 3 of {len(sizes)} configurations" in light.finding
    assert wrong(draw(light, WIDE), light) == []


def test_names_with_control_characters_and_markup_are_drawn_as_text(all_charts):
    chart = of_kind(all_charts, "decode")[0]
    evil = dataclasses.replace(chart.marks[0].row, name="</svg><script>x\x1b[31m\x00")
    marks = (dataclasses.replace(chart.marks[0], row=evil), chart.marks[1])
    svg = draw(dataclasses.replace(chart, marks=marks), WIDE)
    assert "<script" not in svg and "\x1b" not in svg
    assert "&lt;/svg&gt;&lt;script&gt;" in svg


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_a_drawing_is_one_image_in_the_pages_colours_that_says_what_it_shows(all_charts, kind):
    chart = of_kind(all_charts, kind.name)[0]
    svg = draw(chart, NARROW)
    root = ET.fromstring(svg)
    assert root.get("role") == "img"
    assert root[0].text == chart.finding and root[0].get("id") == root.get("aria-labelledby")
    assert chart.marks[0].text in chart.finding and chart.marks[-1].text in chart.finding
    assert root.get("width") == str(NARROW.width)
    assert not any(colour in svg for colour in ('fill="black"', 'fill="#', 'stroke="#', "white"))


def test_scales_with_a_set_domain_never_include_zero_beside_it():
    """Vega-Lite merges the scales of layers: a forgotten setting adds `zero` to a set domain."""
    for kind in KINDS:
        for scale in chart_specs.compiled(kind, WIDE)["scales"]:
            assert not (isinstance(scale.get("domain"), list) and scale.get("zero"))
            if kind is PREFILL:
                assert not scale.get("zero")


def test_every_chart_is_one_that_the_grammar_s_schema_knows():
    """Whoever draws does not look."""
    for size in SIZES:
        for kind in KINDS:
            chart_specs.layers(kind, size).to_dict(validate=True)
    for trend_size in (trends.WIDE, trends.NARROW):
        for dense in (False, True):
            trends.layers(trend_size, dense).to_dict(validate=True)


def test_a_chart_that_the_schema_does_not_know_would_be_caught():
    import altair

    chart = chart_specs.layers(KINDS[0], WIDE)
    chart.layer[0].mark.orient = "sideways"
    with pytest.raises(altair.utils.schemapi.SchemaValidationError):
        chart.to_dict(validate=True)


def test_the_library_is_the_published_one_of_vl_converts_version():
    import vl_convert

    assert hashlib.sha256((VENDOR / RUNTIME).read_bytes()).hexdigest() == RUNTIME_SHA256
    assert f"vega-{vl_convert.get_vega_version()}.min.js" == RUNTIME
    licence = (VENDOR / "LICENSE.txt").read_text()
    assert "University of Washington Interactive Data Lab" in licence


def test_charts_are_drawn_for_the_first_concurrency_and_all_data_lies_in_its_own_file(
    all_charts, everything: Made
):
    view = chart_view(all_charts, everything.tables)
    assert view.first_concurrency == 1
    assert {place.chart.concurrency for place in view.places} == {1}
    assert next(place.workload for place in view.places if place.follows) == "rag"
    assert set(view.files) == {view.runtime, view.data, "lazy/LICENSE.txt"}
    assert chart_view((), everything.tables).files == {}
