"""Runs that other runs contradict, and runs that nobody who is known here sent.

What a file says alone is judged when it is read (`plausibility`); this has to be looked at again
whenever any other came or went, or content/ says otherwise whom the owner knows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench_pipeline.senders.trust import why_stranger
from bench_pipeline.warehouse.schema import SQL, touch

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

_SAID = {"disputed": "Not plausible beside other runs: ", "stranger": "Not known who measured: "}
"""Flag, and how each sentence begins that says why."""

_OURS = " or ".join(f"starts_with(line, '{begin}')" for begin in _SAID.values())
_OTHERS_LINES = f"list_filter(unknown, lambda line: not ({_OURS}))"
_COPIED = f"len(list_filter(unknown, lambda line: starts_with(line, '{_SAID['disputed']}'))) > 0"
_CHANGED = "run_id in (from changed_doubts)"


_TIMES = "ttft_ms, decode_ms, end_to_end_ms, server_decode_ms"
"""By which disputes.sql tells a copied request."""


def mark_doubtful(connection: DuckDBPyConnection, *, only_added: bool) -> None:
    """Brings the flags `disputed` and `stranger` of figures, and what is said of their runs, up to
    date; runs of which one changed count as touched. Runs, rigs and the site's own facts must be up
    to date. `only_added`: since the last time, runs came and nothing else changed."""
    _suspect(connection, only_added)
    connection.execute(
        "create or replace temp table doubts as select run_id, 'disputed' as flag,"
        f" '{_SAID['disputed']}' || doubt || '.' as line from found_disputes"
    )
    if strangers := _strangers(connection):
        connection.executemany("insert into doubts values (?, 'stranger', ?)", strangers)
    connection.execute(
        "create or replace temp table said as select run_id, list(line order by line) as lines,"
        " list(distinct flag order by flag) as flags from doubts group by all"
    )
    connection.execute(
        "create or replace temp table changed_doubts as select run_id from runs"
        f" left join said using (run_id) where list_filter(unknown, lambda line: {_OURS})"
        " <> coalesce(lines, [])"
    )
    changed = [run_id for (run_id,) in connection.execute("from changed_doubts").fetchall()]
    if not changed:
        return
    touch(connection, changed)
    connection.execute(
        f"update runs set unknown = {_OTHERS_LINES}"
        " || coalesce((select lines from said where said.run_id = runs.run_id), [])"
        f" where {_CHANGED}"
    )
    connection.execute(
        f"update measurements set flags = list_filter(flags, lambda flag: flag not in {(*_SAID,)})"
        " || coalesce((select said.flags from said where said.run_id = measurements.run_id), [])"
        f" where status = 'ok' and {_CHANGED}"
    )


def _suspect(connection: DuckDBPyConnection, only_added: bool) -> None:
    """Makes `found_disputes`, over the requests that a dispute can follow from. Where none of the
    runs before copied another, and only new ones came, these are such as a new one has too."""
    as_new = "true"
    if only_added and not connection.execute(f"from runs where {_COPIED} limit 1").fetchone():
        as_new = (
            f"({_TIMES}) in (select ({_TIMES}) from requests"
            " where run_id in (select run_id from touched_runs))"
        )
    connection.execute(
        f"create or replace temp view suspects as select * from requests where {as_new}"
    )
    connection.execute((SQL / "disputes.sql").read_text())


def _strangers(connection: DuckDBPyConnection) -> list[tuple[str, str]]:
    """Run and sentence. Of most runs nothing is said that anything could be read from."""
    known = connection.execute("select unnest(known_senders) from site").fetchall()
    found = connection.execute(
        "select run_id, submitted_by, signed_by, owner, public_key from runs"
        " left join rigs using (rig) where provenance = 'measured'"
        " and coalesce(submitted_by, owner, public_key) is not null order by run_id"
    ).fetchall()
    senders = {sender for (sender,) in known}
    return [
        (run_id, f"{_SAID['stranger']}{why}.")
        for run_id, sender, key, owner, owners_key in found
        if (why := why_stranger(sender, key, owner, owners_key, senders))
    ]
