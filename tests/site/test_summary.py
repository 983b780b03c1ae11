"""What is said of rows group by group is what all of them together say."""

from itertools import groupby

import pytest

from bench_pipeline.site.summary import summary, together
from tests.site.conftest import Made


@pytest.mark.parametrize("divided", [False, True])
def test_parts_say_together_what_the_whole_says(made: Made, divided: bool):
    rows = made.view.rows
    by_family = groupby(sorted(rows, key=lambda row: row.family), key=lambda row: row.family)
    parts = [
        summary(sorted(own, key=lambda row: row.order), divided=divided) for _, own in by_family
    ]
    assert len(parts) > 2
    assert together(parts) == summary(rows, divided=divided)
    assert together(reversed(parts)) == together(parts)


def test_a_divided_site_is_told_of_no_row_that_stands_on_a_familys_page_alone(made: Made):
    rows = made.view.rows
    told = summary(rows, divided=True)
    assert {row.concurrency for row in told.rows} <= {1, None}
    assert told.count == len(rows) > len(told.rows)
    assert all(not hasattr(family, "rows") for family in told.families)
    assert [(family.name, family.count) for family in told.families] == [
        (family.name, len(family.rows)) for family in made.view.families
    ]
