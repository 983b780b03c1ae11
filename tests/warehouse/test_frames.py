"""What goes into a table comes out of it exactly, by the table's types and never by a guess."""

from datetime import datetime

import pytest

from bench_pipeline.warehouse.frames import (
    columns_of,
    insert_columns,
    joined,
    stacked,
    types_of,
    without,
)

TABLE = """
create table t (
    run_id varchar, whole integer, large bigint, share double, yes boolean, told timestamp,
    counts integer[], names varchar[]
)
"""
ROWS = [
    ("a", 3, 2**53 + 1, 0.1, True, datetime(2026, 11, 22, 12, 0, 0, 1), [1, 2], ["x", "y"]),
    ("b", None, None, None, None, None, None, None),
    ("c", -(2**31), -(2**63), 1e-300, False, datetime(1970, 1, 1), [], []),
    ("", 0, 0, 0.0, False, datetime(2100, 1, 1), [7], ["", "ü"]),
]


@pytest.fixture
def connection():
    import duckdb

    with duckdb.connect() as found:
        found.execute(TABLE)
        yield found


@pytest.fixture
def columns(connection):
    types = types_of(connection, "t")
    return lambda rows: columns_of([dict(zip(types, row, strict=True)) for row in rows], types)


def test_values_and_the_lack_of_them_are_kept(connection, columns):
    insert_columns(connection, "t", columns(ROWS))
    assert connection.execute("from t").fetchall() == ROWS


@pytest.mark.parametrize("row", ROWS, ids=["all", "none", "least", "empty"])
def test_a_row_alone_is_as_one_among_others(connection, columns, row):
    insert_columns(connection, "t", columns([row]))
    assert connection.execute("from t").fetchall() == [row]


def test_parts_are_joined_in_their_order_whichever_of_them_lack_values(connection, columns):
    insert_columns(connection, "t", joined([columns([row]) for row in ROWS]))
    assert connection.execute("from t").fetchall() == ROWS


def test_runs_are_stacked_in_their_order_whichever_of_them_lack_a_table():
    parts = [{"a": {"x": [1], "y": [2]}}, {"b": {"z": [3]}}, {"a": {"y": [5, 7], "x": [4, 6]}}]
    assert stacked(parts) == {"a": {"x": [1, 4, 6], "y": [2, 5, 7]}, "b": {"z": [3]}}
    assert parts[0] == {"a": {"x": [1], "y": [2]}}
    with pytest.raises(ValueError, match="parts of a differ"):
        stacked([parts[0], {"a": {"x": [1]}}])


def test_rows_of_a_run_can_be_left_out(connection, columns):
    insert_columns(connection, "t", without(columns(ROWS), "run_id", {"b", ""}))
    assert connection.execute("from t").fetchall() == [ROWS[0], ROWS[2]]


def test_what_does_not_fit_its_column_is_named(columns):
    _, *others = ROWS[0][1:]
    with pytest.raises(OverflowError, match="whole: 2147483648 is beyond what an INTEGER holds"):
        columns([("a", 2**31, *others)])
    with pytest.raises(TypeError, match="whole holds what is no INTEGER"):
        columns([("a", 2.5, *others)])


def test_a_row_with_other_keys_than_the_table_is_refused(connection):
    with pytest.raises(ValueError, match="differ from their table"):
        columns_of([{"run_id": "a"}], types_of(connection, "t"))
