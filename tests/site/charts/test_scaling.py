"""The charts of more and more streams say what was measured."""

from dataclasses import replace

import pytest

from bench_pipeline.site.charts.scaling import Climb, Panel, Scaling, Step, draw, scaling_of
from tests.factories import measured_run
from tests.site.charts.drawings import HALF_PX, read
from tests.site.conftest import EARLIER, make

CLIMBS = (
    Climb("Chat", (Step(1, 700, 690, 712), Step(4, 470, 465, 478), Step(16, 150, None, None))),
    Climb("Retrieval", (Step(1, 650, 640, 655), Step(8, 300, 290, 310))),
)
PANEL = Panel("scaling-x", "Each stream", CLIMBS, knee=8)
TITLES = {"chat": "Chat", "rag": "Retrieval"}


def cell(workload: str, concurrency: int, tok_s: float | None, **other: object) -> dict:
    usual = {"status": "ok", "clocks_agree": True, "delivered_on_time": True}
    figures = {
        f"{metric}{end}": None if tok_s is None else tok_s * times * share
        for metric, times in (("decode_tok_s", 1), ("throughput_tok_s", concurrency))
        for end, share in (("", 1), ("_lo", 0.99), ("_hi", 1.01))
    }
    return {"workload": workload, "concurrency": concurrency, **usual, **figures, **other}


def test_every_step_is_drawn_at_its_concurrency_and_its_value():
    drawing = read(draw(PANEL))
    places = {row: (x, y) for row, x, y in drawing.points}
    columns = {value: px for px, value in drawing.x.ticks}
    assert set(columns) == {1, 4, 8, 16}
    assert len(places) == 5
    for climb in CLIMBS:
        for step in climb.steps:
            x, y = places[f"{climb.workload} {step.concurrency}"]
            assert abs(x - columns[step.concurrency]) <= HALF_PX
            assert abs(y - drawing.y.px(step.tok_s)) <= HALF_PX
    assert set(drawing.intervals) == set(places) - {"Chat 16"}
    _, one, _, other = drawing.intervals["Chat 1"]
    ends = drawing.y.px(690), drawing.y.px(712)
    assert sorted((one, other)) == pytest.approx(sorted(ends), abs=HALF_PX)


def test_the_knee_is_marked_and_said():
    assert ">knee<" in draw(PANEL)
    assert PANEL.finding == (
        "Each stream: Chat from 700.0 tok/s at 1 stream to 150.0 at 16 and Retrieval from "
        "650.0 tok/s at 1 stream to 300.0 at 8. The knee is at 8."
    )
    without = Panel("scaling-y", "Each stream", CLIMBS, knee=None)
    assert ">knee<" not in draw(without) and "knee" not in without.finding


def test_only_what_was_measured_well_at_two_concurrencies_is_shown():
    cells = [
        cell("chat", 4, 90),
        cell("chat", 1, 100),
        cell("chat", 8, 50, clocks_agree=False),
        cell("chat", 16, 50, delivered_on_time=False),
        cell("chat", 32, None, status="failed"),
        cell("rag", 1, 80),
    ]
    run = {"run_id": "x", "knee": 4}
    shown = scaling_of(run, cells, TITLES)
    assert isinstance(shown, Scaling)
    assert shown.workloads == ("Chat",)
    assert [panel.title for panel in shown.panels] == ["Each stream", "All together"]
    assert [(s.concurrency, s.tok_s) for s in shown.panels[1].climbs[0].steps] == [
        (1, 100),
        (4, 360),
    ]
    assert [(w, c, steps[0].tok_s, steps[1].tok_s) for w, c, steps in shown.lines] == [
        ("Chat", 1, 100, 100),
        ("Chat", 4, 90, 360),
    ]
    assert scaling_of(run, cells[:1] + cells[-1:], TITLES) is None


def test_a_models_page_shows_the_run_that_went_to_the_knee(tmp_path):
    newer = measured_run(workloads=["chat"])
    older = measured_run(workloads=["chat"], started_at=EARLIER)
    (model,) = make(tmp_path, [newer, older]).view.models
    assert [run.run_id for run in model.climbs] == [newer.run_id]
    first, last = model.runs
    far = replace(last, status="flagged", scaling=replace(last.scaling, knee=4))
    assert replace(model, runs=(first, far)).climbs == (far,)
