"""A conversation on its run's page: what is said of it, and its charts."""

from bench_pipeline.records.cell import Failure
from bench_pipeline.records.workload import Trace
from bench_pipeline.site.charts.conversations import COLUMNS, Conversation, conversations_of, draw
from bench_pipeline.warehouse.rows.whole_run import rows_of
from tests.factories import measured_run
from tests.trace_factories import trace


def shown(told: Trace) -> Conversation:
    made = rows_of(measured_run(parts=["conversations"], cells=[], conversations=[told]), "x")
    (found,) = conversations_of(
        [dict(row) for row in made["conversations"]],
        [dict(row) for row in made["conversation_turns"]],
    )
    return found


def test_it_says_how_long_all_of_it_took_and_what_was_reused():
    told = shown(trace())
    assert "for all 4 turns" in told.summary
    assert "63 % of 3,550 prompt tokens reused; played 5 times." in told.summary
    assert [row.turn for row in told.rows] == [1, 2, 3, 4]
    assert [row.came for row in told.rows][1:3] == ["results of calls"] * 2
    assert [(row.note, row.mark) for row in told.rows] == [("cold", ""), *[("", "")] * 3]
    parts = [[value.text for value in row.values[:3]] for row in told.rows]
    assert parts[1] == ["650", "400", "250"], COLUMNS[:3]


def test_each_turn_stands_in_both_charts_under_its_number():
    told = shown(trace())
    assert [panel.title for panel in told.panels] == ["TTFT", "Computed of the prompt"]
    for panel in told.panels:
        drawing = draw(panel)
        assert panel.finding in drawing
        for turn in range(1, 5):
            assert f'data-row="{turn}"' in drawing
    assert draw(told.panels[1]).count('class="rings_marks"') == 1, "the cached part"


def test_what_the_server_computed_again_is_marked():
    marks = [row.mark for row in shown(trace(short=40)).rows]
    assert marks == ["", *["computed again what it had"] * 3]


def test_without_counts_there_is_no_chart_of_what_was_cached():
    told = shown(trace(told=False))
    assert [panel.title for panel in told.panels] == ["TTFT"]
    assert {row.mark for row in told.rows} == {"reuse not told"}
    assert {row.values[1].text for row in told.rows} == {"—"}
    assert "reused" not in told.summary


def test_one_that_failed_says_why_and_draws_nothing():
    told = shown(trace(failure=Failure(kind="hang", message="no byte for 300 s")))
    assert "no byte for 300 s" in told.failure
    assert (told.panels, told.summary) == ((), "")
