"""The samples behind a run's medians: drawn where they are, in the order of measuring."""

import re
from math import asinh, sinh

import pytest

from bench_pipeline.measures.cells import by_wave
from bench_pipeline.measures.formulas import decode_tok_s
from bench_pipeline.records.cell import Cell
from bench_pipeline.site.runs.samples import HEIGHT_PX, WIDTH_PX, Samples, Strip, draw
from tests.factories import measured_cell, measured_run, slowed
from tests.site.conftest import make

HALF_PX = 0.5


def strip(tok_s: tuple[float, ...], **fields: object) -> Strip:
    of = {"id": "waves-chat-1", "cell": "chat-1", "workload": "Chat", "concurrency": 1}
    return Strip(
        **{**of, "tok_s": tok_s, "median": 100.0, "lo": 99.0, "hi": 101.5, "starts": (), **fields}
    )


def drawn_percents(svg: str, first: str = "") -> list[float]:
    """What the dots say, read through the lines at 0 % and 1 % of the drawing, or of the run's
    first one to which it leads."""
    if first and first != svg:
        (scale,) = re.findall(r'<use href="#([\w-]+)"/>', svg)
        assert f'<g id="{scale}" class="strip-scale">' in first
    lines = {
        float(level): float(y)
        for y, level in re.findall(r'd="M\d+ ([\d.]+)H\d+" data-percent="(-?\d+)"', first or svg)
    }
    per_unit = (lines[0] - lines[1]) / asinh(1)
    dots = re.search(r'class="dots" d="([^"]+)"', svg)[1]
    places = [(float(x), float(y)) for x, y in re.findall(r"M([\d.]+) ([\d.]+)h0", dots)]
    assert places == sorted(places)
    assert all(0 <= x <= WIDTH_PX and 0 <= y <= HEIGHT_PX for x, y in places)
    return [sinh((lines[0] - y) / per_unit) for _, y in places]


@pytest.mark.parametrize(
    "tok_s", [(100.0, 100.4, 99.2), (100.0, 45.0, 131.0, 99.9, 100.1), tuple([100.0] * 40)]
)
def test_each_dot_lies_at_its_wave_and_none_is_cut_off(tok_s):
    one = strip(tok_s)
    furthest = max(abs(one.percent(value)) for value in tok_s)
    samples = Samples((one,), max(2.0, furthest), len(tok_s))
    found = drawn_percents(draw(one, samples))
    per_unit = (HEIGHT_PX / 2) / asinh(samples.reach)
    assert len(found) == len(tok_s)
    for percent, value in zip(found, tok_s, strict=True):
        assert abs(asinh(percent) - asinh(one.percent(value))) * per_unit <= HALF_PX


def test_all_cells_of_a_run_share_a_scale_so_that_a_calm_one_looks_calm(tmp_path):
    calm = measured_cell("chat", 1, decode_tok_s=115.0, repetitions=8)
    wild = measured_cell("rag", 1, decode_tok_s=80.0, repetitions=8)
    slow = slowed(wild.requests[3], 2)
    requests = [*wild.requests[:3], slow, *wild.requests[4:]]
    wild = wild.model_copy(update={"requests": requests})
    made = make(tmp_path, [measured_run(cells=[calm, wild])])
    samples = made.view.models[0].runs[0].samples
    assert samples.reach == pytest.approx(50, abs=2)
    first, other = (draw(one, samples) for one in samples.strips)
    heights = [max(map(abs, drawn_percents(svg, first))) for svg in (first, other)]
    assert heights[0] < 5 < 45 < heights[1]


def test_the_waves_are_those_whose_median_is_the_cells_figure(tmp_path):
    cells = [measured_cell("agent", streams, decode_tok_s=90, repetitions=7) for streams in (1, 4)]
    made = make(tmp_path, [measured_run(cells=cells)])
    strips = made.view.models[0].runs[0].samples.strips
    assert [shown.tok_s for shown in strips] == [
        pytest.approx(by_wave(cell.requests, decode_tok_s)) for cell in cells
    ]


def test_where_the_engine_started_again_a_line_stands(tmp_path):
    cell = measured_cell("chat", 1, decode_tok_s=115.0, repetitions=6)
    waves = [wave.model_copy(update={"server": wave.wave // 2}) for wave in cell.waves]
    server = measured_run().servers[0]
    run = measured_run(cells=[Cell(**{**dict(cell), "waves": waves})], servers=[server] * 3)
    samples = make(tmp_path, [run]).view.models[0].runs[0].samples
    assert samples.strips[0].starts == (2, 4)
    assert draw(samples.strips[0], samples).count('class="start"') == 2


def test_a_strip_says_its_spread_in_words_and_escapes_a_hostile_name():
    one = strip((98.8, 100.0, 101.04), workload='<b>"x"\x07')
    svg = draw(one, Samples((one,), 2.0, 3))
    assert "3 waves from −1.2 to +1.0 % of the median." in svg
    assert "<b>" not in svg and "\x07" not in svg
