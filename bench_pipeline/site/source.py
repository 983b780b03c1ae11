"""The warehouse's tables, in a stable order: all that the site knows."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from bench_pipeline.errors import SiteError

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

Row = dict[str, Any]
"""One row of a table by column name."""

OF_THE_SITE = (
    *("rigs", "site", "workloads", "campaign_items", "waiting_campaigns"),
    *("rejected_files", "rig_inventories"),
)
"""Small tables that say nothing of single runs."""
BY_RUN = ("run_files", "servers", "telemetry", "wave_speeds")
BY_MODEL = (
    *("runs", "measurements", "curve_points", "bare_tests", "speed_ranges"),
    *("conversations", "conversation_turns"),
    *("workload_speeds", "comparisons", "build_trends"),
)
"""Tables whose rows belong to a run, or to a model."""
EVERY = (*OF_THE_SITE, *BY_RUN, *BY_MODEL)

_OF_MODELS = "model IN (SELECT unnest(?::VARCHAR[]))"
_OF_RUNS = f"run_id IN (SELECT run_id FROM runs WHERE {_OF_MODELS})"
_TRENDS = """build_trends WHERE rowid IN (
    SELECT min(rowid) FROM build_trends WHERE {where} GROUP BY run_id
    UNION SELECT unnest(list(rowid)) FROM build_trends WHERE {where}
    GROUP BY rig, backend, model, engine, mode, power_cap_w, workload, concurrency
    HAVING min(run_id) <> max(run_id))"""
"""Rows of `build_trends` that pages of some models or of one place say something of: those of cells
that several runs have measured, and of each run one that names its build."""


@dataclass(frozen=True)
class SessionRun:
    """One of the runs that were measured in turns."""

    run_id: str
    model: str
    build: str


@dataclass(frozen=True)
class Around:
    """What the pages of some models say that follows from other models' runs."""

    shared_devices: frozenset[str]
    """Names of devices that several rigs have: alone they don't tell which one is meant."""
    shared_names: frozenset[str]
    """Names that several model files bear."""
    ages: Mapping[str, str]
    """By run, how far it is behind the newest, in words; empty where it is not."""
    sessions: Mapping[str, Sequence[SessionRun]]
    """By session, its runs in order of their ids."""
    capped: frozenset[tuple[str, str]]
    """Rigs and backends that ran under several power caps."""
    divided_trends: frozenset[tuple[str, str]]
    """Rigs and backends whose models have trend pages of their own."""


@dataclass(frozen=True)
class Tables:
    """Each field is the warehouse's table of that name, ordered by all its columns.

    Workloads stand in the order in which a page shows them. A table that was not asked for is
    empty.
    """

    rigs: list[Row] = field(default_factory=list)
    rig_inventories: list[Row] = field(default_factory=list)
    site: list[Row] = field(default_factory=list)
    """One row: whose it is."""
    workloads: list[Row] = field(default_factory=list)
    campaign_items: list[Row] = field(default_factory=list)
    waiting_campaigns: list[Row] = field(default_factory=list)
    run_files: list[Row] = field(default_factory=list)
    rejected_files: list[Row] = field(default_factory=list)
    runs: list[Row] = field(default_factory=list)
    servers: list[Row] = field(default_factory=list)
    telemetry: list[Row] = field(default_factory=list)
    wave_speeds: list[Row] = field(default_factory=list)
    measurements: list[Row] = field(default_factory=list)
    curve_points: list[Row] = field(default_factory=list)
    bare_tests: list[Row] = field(default_factory=list)
    conversations: list[Row] = field(default_factory=list)
    conversation_turns: list[Row] = field(default_factory=list)
    speed_ranges: list[Row] = field(default_factory=list)
    workload_speeds: list[Row] = field(default_factory=list)
    comparisons: list[Row] = field(default_factory=list)
    build_trends: list[Row] = field(default_factory=list)
    around: Around | None = None
    """Of tables that hold the rows of some models only; None where they hold all."""


def read_tables(
    connection: "DuckDBPyConnection",
    warehouse: Path,
    wanted: Iterable[str] = EVERY,
    *,
    models: Sequence[str] | None = None,
    place: tuple[str, str] | None = None,
    around: Around | None = None,
) -> Tables:
    """The tables `wanted`; SiteError where the warehouse lacks one.

    Of tables with rows of single runs those of `models` only, or those of a rig and backend, where
    they are given.

    The order of the query, not of the file, decides the order on the pages: two builds from
    the same rows are the same bytes.
    """
    import duckdb

    def read(table: str) -> list[Row]:
        where, asked = "true", list[object]()
        if models is not None and table not in OF_THE_SITE:
            where, asked = _OF_MODELS if table in BY_MODEL else _OF_RUNS, [list(models)]
        elif place is not None and table not in OF_THE_SITE:
            where, asked = "(rig, backend) = (?, ?)", list(place)
        rows = f"{table} WHERE {where}"
        if asked and table == "build_trends":
            rows, asked = _TRENDS.format(where=where), [*asked, *asked]
        try:
            cursor = connection.execute(f"SELECT * FROM {rows} ORDER BY ALL", asked)
        except duckdb.CatalogException:
            raise SiteError(
                f"has no table {table}",
                mend="refresh the warehouse: `dagster asset materialize --select measurements`",
                where=warehouse,
            ) from None
        columns = [column[0] for column in cursor.description or ()]
        return [dict(zip(columns, row, strict=True)) for row in cursor.fetchall()]

    tables = Tables(**{table: read(table) for table in wanted}, around=around)
    tables.workloads.sort(key=lambda work: work["ord"])
    return tables


def published_path(run_file: str) -> str:
    """Where the site keeps a run file, below `data/runs/`: `<rig>/<backend>/<file>.gz`."""
    return "/".join(PurePosixPath(run_file).parts[-3:]) + ".gz"
