"""Whether the tables are as the last refresh left them, or another hand has changed a figure.

No protection against whoever means to deceive and knows this code: the seal lies in the same file.
What is in it can always be made again from the run files.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from bench_pipeline.errors import RecordError
from bench_pipeline.records.yaml.files import write_atomically
from bench_pipeline.warehouse.schema import TABLES, set_state, state
from bench_pipeline.warehouse.stamps import Stamp

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

_SEAL = "seal"


_ONLY_OF_RUNS = (
    *("servers", "requests", "waves", "wave_speeds", "telemetry", "curve_points", "bare_tests"),
    *("conversations", "conversation_turns"),
)
"""Tables whose rows come with their run and never change: a sum of hashes grows by theirs."""


def seal(connection: DuckDBPyConnection, added: Collection[str] | None = None) -> None:
    """`added`: runs that came since the tables were sealed, where nothing else became of any."""
    known = _lines((state(connection, _SEAL) or "").split("\n")) if added is not None else {}
    set_state(connection, _SEAL, _digest(connection, known, added or ()))


def remember(warehouse: Path) -> None:
    """Notes what the file system says of a warehouse that was just sealed and closed, where that
    is not noted yet."""
    if as_remembered(warehouse):
        return
    with suppress(OSError, RecordError):  # as on a full disk: then it is read to know it
        stamp = Stamp.of(warehouse.stat())
        write_atomically(_note(warehouse), json.dumps(stamp))


def as_remembered(warehouse: Path) -> bool:
    """Whether nobody has written to the file since: then its tables are as they were sealed, and
    need not be read to know it."""
    try:
        stamp = Stamp.of(warehouse.stat())
        noted = json.loads(_note(warehouse).read_text())
    except (OSError, ValueError):
        return False
    # where times are told in whole seconds, another write may have the same
    return noted == list(stamp) and stamp.changed_ns % 10**9 != 0 and not _log(warehouse).exists()


def _note(warehouse: Path) -> Path:
    return warehouse.with_name(f"{warehouse.name}.seal")


def _log(warehouse: Path) -> Path:
    """In which DuckDB keeps what it has not written into the file yet."""
    return warehouse.with_name(f"{warehouse.name}.wal")


def broken_tables(connection: DuckDBPyConnection) -> list[str]:
    """Names of tables that are not as they were sealed; none where there is no seal, or where
    another version of DuckDB, which hashes otherwise, has set it."""
    before = (state(connection, _SEAL) or "").split("\n")
    now = _digest(connection).split("\n")
    if before[0] != now[0]:
        return []
    return [line.split()[0] for line in now if line not in before]


Sum = tuple[int, int]
"""Of the hashes of some rows, and their number."""


def _digest(
    connection: DuckDBPyConnection,
    known: Mapping[str, Sum] | None = None,
    added: Collection[str] = (),
) -> str:
    """A line of each table: its name, the sum of its rows' hashes, their number. Where the sum is
    `known` of tables that only grow, rows of the `added` runs are all that is read of them."""
    import duckdb

    known = {name: known[name] for name in _ONLY_OF_RUNS if known and name in known}
    each = " union all ".join(
        f"select '{name}' as name, coalesce(sum(hash(t)::hugeint), 0), count(*) from {name} t"
        + (" where run_id in (select unnest($added::varchar[]))" if name in known else "")
        for name in TABLES
    )
    parameters = {"added": sorted(added)} if known else None
    found = connection.execute(f"{each} order by name", parameters).fetchall()
    lines = []
    for name, total, count in found:
        before, rows = known.get(name, (0, 0))
        lines.append(f"{name} {before + total} {rows + count}")
    return "\n".join([duckdb.__version__, *lines])


def _lines(sealed: Sequence[str]) -> dict[str, Sum]:
    """Of what `_digest` wrote by this version of DuckDB."""
    import duckdb

    if sealed[0] != duckdb.__version__:
        return {}
    words = (line.split() for line in sealed[1:])
    return {name: (int(total), int(count)) for name, total, count in words}
