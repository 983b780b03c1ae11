"""Imported figures over builds: marked, unjudged, and each engine on its own count of builds."""

import pytest

from bench_pipeline.site.trends.engine import EngineTrend, engine_trends
from tests.site.conftest import Made


@pytest.fixture(scope="module")
def trends(elsewhere: Made) -> dict[str, EngineTrend]:
    """By rig."""
    found = engine_trends(elsewhere.view.engine_only)
    return {trend.points[0][0].hardware.rig: trend for trend in found}


def test_a_configuration_with_several_builds_is_one_series(trends):
    assert trends.keys() == {"builds", "fork"}
    points = trends["builds"].series.points
    assert [(p.build, p.number) for p in points] == [
        ("b9100", 9100),
        ("b9200", 9200),
        ("b9300", 9300),
    ]
    assert trends["builds"].title == "Prefill of 256 tokens"


def test_nothing_is_judged_joined_or_flagged_and_a_mean_has_no_interval(trends, elsewhere: Made):
    for trend in trends.values():
        for point in trend.series.points:
            assert point.verdict is None and not point.joined and not point.flagged
    assert trends["builds"].series.points[-1].lo is None
    assert [speed.how for _, speed in trends["builds"].points][-1] == "mean ± 12.8, no samples"
    assert "judged" in trends["builds"].series.finding
    tables = elsewhere.tables
    assert tables.build_trends == [] and tables.comparisons == []
    assert "<entry>" not in (elsewhere.project.site / "feed.xml").read_text()


def test_a_fork_s_builds_are_never_on_llama_cpp_s_axis(trends):
    assert [p.number for p in trends["fork"].series.points] == [4105, 4190]
    assert "ik_llama.cpp, whose builds are its own" in trends["fork"].where
    for trend in trends.values():
        assert len({row.engine for row, _ in trend.points}) == 1


def test_they_stand_marked_on_the_pages_and_the_index_leads_there(trends, elsewhere: Made):
    site = elsewhere.project.site
    row, _ = trends["builds"].points[0]
    for path in (row.model_href, "rigs/builds.html"):
        text = (site / path).read_text()
        assert '<figure class="trend elsewhere">' in text
        assert "mean ± 12.8, no samples" in text[text.index('id="engine-builds"') :]
    index = (site / "trends.html").read_text()
    assert f'{row.model_href}#engine-builds"' in index and "b9100 to b9300" in index
    assert "None so far." in index, "no flagged step is theirs"
