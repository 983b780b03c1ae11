"""A drawing is the same wherever it is made."""

from multiprocessing import active_children

from bench_pipeline.site.charts.drawing import drawn, drawn_beside, drawn_here

BAR = {
    "width": 40,
    "height": 10,
    "data": [{"name": "rows", "values": [{"value": 30}]}],
    "marks": [
        {
            "type": "rect",
            "from": {"data": "rows"},
            "encode": {"enter": {"width": {"field": "value"}, "height": {"value": 8}}},
        }
    ],
}


def test_a_process_beside_this_one_draws_as_this_one_does() -> None:
    with drawn_beside():
        beside = drawn(BAR)
    assert "h30v8" in beside
    assert beside == drawn(BAR) == drawn_here(BAR)


def test_one_process_draws_for_whoever_asks_within() -> None:
    before = {*active_children()}
    with drawn_beside():
        with drawn_beside():
            within = drawn(BAR)
            assert len({*active_children()} - before) == 1
        assert drawn(BAR) == within
    assert {*active_children()} == before
