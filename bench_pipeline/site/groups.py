"""Which pages are made together, and what they are made of.

A group is the models of one family, whose pages share rows, pairs and charts. Its pages follow
from the rows of its models and from what `Around` says of the others: the hash of both is its
key. As long as that stays, so do the pages.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from bench_pipeline.site.devices import device_of
from bench_pipeline.site.keys import key_of
from bench_pipeline.site.source import BY_MODEL, BY_RUN, Around, Row, Tables
from bench_pipeline.site.tables.around import around_of
from bench_pipeline.site.tables.rows import model_name, plain_slug
from bench_pipeline.site.trends.weight import too_much_for_one_page

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

ROWS_ON_ONE_PAGE = 160
"""With more, each family has a page of its own, and the front page keeps the fastest models'
answers for the first workload: 160 rows weigh about 52 KB gzipped, charts aside, and the page
must stay within 100."""

_SETTING = "model, rig, backend, engine, build, mode, power_cap_w, provenance"


@dataclass(frozen=True)
class Group:
    models: tuple[str, ...]
    runs: int
    around: Around
    divided: bool
    """Whether each family has a page of its own."""
    key: str


@dataclass(frozen=True)
class TrendPlace:
    """A rig and backend with its page of trends."""

    place: tuple[str, str]
    around: Around
    key: str


@dataclass(frozen=True)
class Plan:
    groups: tuple[Group, ...]
    trend_places: tuple[TrendPlace, ...]
    divided: bool
    rig_keys: Mapping[str, str]
    """Of what the tables hold of each rig's runs."""

    @property
    def keys(self) -> tuple[str, ...]:
        """Of its groups and places."""
        groups = [group.key for group in self.groups]
        return (*groups, *(place.key for place in self.trend_places))


def plan(connection: "DuckDBPyConnection", tables: Tables) -> Plan:
    """Of the whole warehouse. `tables`: those of the site, and `runs` and `run_files`."""
    divided_trends = _divided_trends(connection)
    everything = around_of(tables.runs, divided_trends)
    divided = _rows(connection) > ROWS_ON_ONE_PAGE
    hashes = _hashes_by_model(connection)
    by_model: dict[str, list[Row]] = defaultdict(list)
    for run in tables.runs:
        by_model[run["model"]].append(run)
    groups = []
    for models in _together(tables.runs):
        runs = [run for model in models for run in by_model[model]]
        around = _narrowed(everything, runs)
        key = key_of(
            "group",
            divided,
            [hashes[model] for model in models],
            _words(around),
            _of_site(tables, {run["rig"] for run in runs}),
        )
        groups.append(Group(tuple(models), len(runs), around, divided, key))
    return Plan(
        groups=tuple(groups),
        trend_places=tuple(_trend_places(connection, tables, divided_trends)),
        divided=divided,
        rig_keys=_hashes(connection, "runs", "rig"),
    )


def _together(runs: Iterable[Row]) -> list[list[str]]:
    """Models that share a family, each once; a model whose runs name two families joins them, and
    so do names that would read alike in an address."""
    family_of: dict[str, str] = {}
    joined: dict[str, str] = {}

    def head(family: str) -> str:
        while joined.setdefault(family, family) != family:
            family = joined[family]
        return family

    for run in runs:
        mine = head(plain_slug(run["family"]))
        other = head(family_of.setdefault(run["model"], mine))
        joined[max(mine, other)] = min(mine, other)
    found: dict[str, list[str]] = defaultdict(list)
    for model, family in sorted(family_of.items()):
        found[head(family)].append(model)
    return [models for _, models in sorted(found.items())]


def _narrowed(around: Around, runs: Sequence[Row]) -> Around:
    """What of it the pages of these runs can say."""
    devices = {device_of(run) for run in runs}
    names = {model_name(run["family"], run["variant"], run["quant"]) for run in runs}
    sessions = {run["session_id"] for run in runs if run["session_id"]}
    places = {(run["rig"], run["backend"]) for run in runs}
    return Around(
        shared_devices=around.shared_devices & devices,
        shared_names=around.shared_names & names,
        ages={run["run_id"]: around.ages[run["run_id"]] for run in runs},
        sessions={session: around.sessions[session] for session in sorted(sessions)},
        capped=around.capped & places,
        divided_trends=around.divided_trends & places,
    )


def _words(around: Around) -> list[object]:
    """In one order, whichever the sets had."""
    return [
        *(sorted(names) for names in (around.shared_devices, around.shared_names)),
        *(sorted(places) for places in (around.capped, around.divided_trends)),
        sorted(around.ages.items()),
        [(session, list(members)) for session, members in around.sessions.items()],
    ]


def _of_site(tables: Tables, rigs: Collection[str]) -> list[Row]:
    rigs_of_it = [row for row in tables.rigs if row["rig"] in rigs]
    return rigs_of_it + tables.workloads + tables.site


def _rows(connection: "DuckDBPyConnection") -> int:
    """Of the tables of configurations: with a cell, or failed before the first one."""
    ((count,),) = connection.execute(
        f"select (select count(*) from (select distinct {_SETTING}, concurrency from measurements))"
        f" + (select count(*) from (select {_SETTING} from runs where status = 'failed'"
        f" except select {_SETTING} from measurements))"
    ).fetchall()
    return int(count)


def _divided_trends(connection: "DuckDBPyConnection") -> frozenset[tuple[str, str]]:
    builds: dict[tuple[str, str], Counter[tuple[object, str]]] = defaultdict(Counter)
    for rig, backend, metric, count, *cell in connection.execute(
        "select rig, backend, metric, count(*), model, mode, power_cap_w, system, workload,"
        " concurrency"
        " from build_trends group by all having count(*) > 1"
    ).fetchall():
        builds[rig, backend][tuple(cell), metric] = count
    return frozenset(place for place, found in builds.items() if too_much_for_one_page(found))


def _trend_places(
    connection: "DuckDBPyConnection", tables: Tables, divided: frozenset[tuple[str, str]]
) -> Iterable[TrendPlace]:
    trends = _hashes(connection, "build_trends", "rig || chr(10) || backend")
    reasons = _hashes(connection, "comparisons", "rig || chr(10) || backend")
    nothing = around_of(())
    for named, found in sorted(trends.items()):
        rig, backend = named.split("\n")
        own = divided & {(rig, backend)}
        around = replace(nothing, divided_trends=own)
        key = key_of(
            "trends", named, found, reasons.get(named), sorted(own), _of_site(tables, {rig})
        )
        yield TrendPlace((rig, backend), around, key)


def _hashes_by_model(connection: "DuckDBPyConnection") -> dict[str, tuple[str, ...]]:
    """Of the rows of each table that are a model's."""
    found: dict[str, list[str]] = defaultdict(list)
    for table in BY_MODEL:
        for model, digest in _hashes(connection, table, "model").items():
            found[model].append(f"{table} {digest}")
    for table in BY_RUN:
        # what a wave's speed is made of, a million rows, came with the run file
        if table != "wave_speeds":
            for model, digest in _hashes(connection, table, "model", of_runs=True).items():
                found[model].append(f"{table} {digest}")
    return {model: tuple(digests) for model, digests in found.items()}


def _hashes(
    connection: "DuckDBPyConnection", table: str, by: str, *, of_runs: bool = False
) -> dict[str, str]:
    """Of the rows of a table, whatever their order; by the value of `by`, of the table itself or of
    its runs."""
    hidden = ", ".join(_NOT_SHOWN.get(table, ()))
    rows = f"(select * exclude ({hidden}) from {table})" if hidden else table
    joined = " join runs using (run_id)" if of_runs else ""
    by = f"runs.{by}" if of_runs else by
    found = connection.execute(
        f"select {by}, count(*), sum(hash(rows)), bit_xor(hash(rows, 1))"
        f" from {rows} rows{joined} group by 1 order by 1"
    ).fetchall()
    return {named: f"{count} {total} {mixed}" for named, count, total, mixed in found}


_NOT_SHOWN = {"run_files": ("ingested_at",)}
"""Columns that differ between two warehouses made from the same files."""
