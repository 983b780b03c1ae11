"""Makes the rows of the tables of configurations from the warehouse's tables.

A range comes from `speed_ranges`, a workload's figure from `workload_speeds`, what stands beside
it from that very cell of `measurements`. What has no listed figure is not left blank: it takes
its reason from `measurements`, or from `runs` where a run ended before its first cell.
"""

from collections import defaultdict
from dataclasses import replace

from bench_pipeline.measures.comparison import Verdict
from bench_pipeline.measures.ties import Known, standings
from bench_pipeline.site import wording
from bench_pipeline.site.arrangements import kind_words, setup_words
from bench_pipeline.site.hardware import hardware_of, price_words
from bench_pipeline.site.source import Row, Tables
from bench_pipeline.site.tables.around import around
from bench_pipeline.site.tables.columns import FOR_MONEY, METRICS
from bench_pipeline.site.tables.rows import (
    Figure,
    TableRow,
    cell_href,
    digest,
    file_name,
    model_href,
    run_href,
    why_unlisted,
)

SETTING = ("model", "rig", "backend", "engine", "build", "mode", "power_cap_w", "provenance")
"""Columns that tell configurations apart, concurrency aside."""

Key = tuple[object, ...]


def table_rows(tables: Tables) -> list[TableRow]:
    """Every row of the page, fastest first."""
    maker = _RowMaker(tables)
    found = [maker.listed(row) for row in tables.speed_ranges]
    found += maker.failed()
    return sorted(_with_standings(found, tables.comparisons), key=lambda row: row.order)


def _with_standings(rows: list[TableRow], comparisons: list[Row]) -> list[TableRow]:
    """Each figure judged among those of its model, rig, kind, workload and concurrency.

    `comparisons`: the warehouse's, for the verdicts of sessions.
    """
    verdicts = _verdicts(comparisons)
    rivals: dict[Key, list[tuple[int, int]]] = defaultdict(list)
    for number, row in enumerate(rows):
        for place, figure in enumerate(row.figures):
            key = (row.model, row.hardware.rig, row.kind, row.concurrency, figure.workload)
            rivals[key].append((number, place))
    judged = [list(row.figures) for row in rows]
    for (*_, concurrency, workload), places in rivals.items():
        known = [_judgeable(rows[number].figures[place]) for number, place in places]
        found = standings(known, verdicts[workload, concurrency])
        for (number, place), standing in zip(places, found, strict=True):
            judged[number][place] = replace(judged[number][place], standing=standing)
    return [replace(row, figures=tuple(figures)) for row, figures in zip(rows, judged, strict=True)]


_INVERSE: dict[str, Verdict] = {
    "faster": "slower",
    "slower": "faster",
    "no difference": "no difference",
    "undecided": "undecided",
}


def _verdicts(comparisons: list[Row]) -> dict[Key, dict[tuple[str, str], Verdict]]:
    """Of sessions on decode, by workload and concurrency, then by two runs in either order."""
    found: dict[Key, dict[tuple[str, str], Verdict]] = defaultdict(dict)
    for row in comparisons:
        if row["metric"] == "decode_tok_s" and row["verdict"] != "unjudged":
            of_cell = found[row["workload"], row["concurrency"]]
            of_cell[row["run_before"], row["run_after"]] = row["verdict"]
            of_cell[row["run_after"], row["run_before"]] = _INVERSE[row["verdict"]]
    return found


def _judgeable(figure: Figure) -> Known | None:
    if not figure.judgeable or figure.tok_s is None:
        return None
    return Known(figure.tok_s, figure.lo, figure.hi, figure.run_id)


def _setting(row: Row) -> Key:
    return tuple(row[column] for column in SETTING)


def _place(row: Row) -> Key:
    return row["run_id"], row["workload"], row["concurrency"]


def _newest(row: Row) -> str:
    return row["started_at"].isoformat() if row["started_at"] else ""


class _RowMaker:
    """The lookups that every row needs, made once."""

    def __init__(self, tables: Tables) -> None:
        self.tables = tables
        self.runs = {run["run_id"]: run for run in tables.runs}
        self.around = around(tables)
        self.titles = {rig["rig"]: rig["title"] for rig in tables.rigs}
        self.priced = {rig["rig"]: rig for rig in tables.rigs if rig["price"]}
        self.cells = {_place(cell): cell for cell in tables.measurements}
        self.contexts = {
            (server["run_id"], server["server"]): server["context_tokens_per_slot"]
            for server in tables.servers
        }
        self.speeds: dict[Key, dict[str, Row]] = defaultdict(dict)
        for speed in tables.workload_speeds:
            key = (*_setting(speed), speed["concurrency"])
            self.speeds[key][speed["workload"]] = speed
        self.unlisted: dict[Key, dict[str, Row]] = defaultdict(dict)
        for cell in sorted(tables.measurements, key=_newest):
            key = (*_setting(cell), cell["concurrency"])
            if cell["workload"] not in self.speeds.get(key, {}) and why_unlisted(cell):
                self.unlisted[key][cell["workload"]] = cell

    def listed(self, row: Row) -> TableRow:
        key = (*_setting(row), row["concurrency"])
        newest = max((self.runs[run_id] for run_id in row["run_ids"]), key=_newest)
        return self._row(key, newest, row)

    def failed(self) -> list[TableRow]:
        """Configurations without any figure: their cells failed, or a run came to none."""
        listed = {(*_setting(row), row["concurrency"]) for row in self.tables.speed_ranges}
        found = []
        for key, cells in self.unlisted.items():
            if key not in listed:
                newest = max(cells.values(), key=_newest)
                found.append(self._row(key, self.runs[newest["run_id"]], newest))
        with_cells = {_setting(cell) for cell in self.tables.measurements}
        empty = {
            _setting(run): run
            for run in sorted(self.tables.runs, key=_newest)
            if run["status"] == "failed" and _setting(run) not in with_cells
        }
        found += [self._row((*setting, None), run, run) for setting, run in empty.items()]
        return found

    def _row(self, key: Key, run: Row, row: Row) -> TableRow:
        """`row` is of `speed_ranges`, or names the failure of a row that has no range."""
        figures = tuple(self._figure(key, work, run) for work in self.tables.workloads)
        low, high = row.get("decode_tok_s_min"), row.get("decode_tok_s_max")
        missing = [figure for figure in figures if figure.tok_s is None]
        reasons = list(dict.fromkeys(f.reason for f in missing if f.reason != "not measured"))
        problem = note = ""
        if low is None:
            problem = wording.listed(reasons) or wording.failure(run["failure_kind"])
        elif missing:
            note = f"{len(figures) - len(missing)} of {len(figures)} workloads"
            note += f"; else {wording.listed(reasons)}" if reasons else ""
        concurrency = key[-1]
        return TableRow(
            id=f"row-{digest(*key)}",
            model=run["model"],
            name=file_name(run, self.around.shared_names),
            family=run["family"],
            released=run["released"],
            variant=run["variant"],
            quant=run["quant"],
            creator=run["creator"] or "",
            hardware=hardware_of(
                run,
                self.titles.get(run["rig"]) or run["rig"],
                self.around.shared_devices,
                price_words(self.priced.get(run["rig"], {})),
            ),
            backend=run["backend"],
            engine=run["engine"],
            build=run["build"],
            stale=self.around.ages[run["run_id"]],
            size_bytes=run["size_bytes"],
            mode=run["mode"],
            power_cap_w=run["power_cap_w"],
            concurrency=concurrency if isinstance(concurrency, int) else None,
            provenance=run["provenance"],
            provisional=bool(row.get("provisional")),
            flags=() if low is None else wording.flags(row["flags"]),
            low=low,
            high=high,
            problem=problem,
            note=note,
            figures=figures,
            href=run_href(run["run_id"]),
            setup=setup_words(run),
            kind=kind_words(run),
        )

    def _figure(self, key: Key, work: Row, run: Row) -> Figure:
        name, page = work["workload"], model_href(run["model"])
        speed = self.speeds.get(key, {}).get(name)
        cell = speed or self.unlisted.get(key, {}).get(name)
        if cell is None:
            early = key[-1] is None
            reason = wording.failure(run["failure_kind"]) if early else "not measured"
            return Figure(name, work["title"], None, reason=reason, href=page)
        href = cell_href(cell["run_id"], name, cell["concurrency"])
        if speed is None:
            return Figure(name, work["title"], None, reason=why_unlisted(cell), href=href)
        measured = self.cells[_place(speed)]
        flags = wording.flags(speed["flags"])
        priced = self.priced.get(run["rig"])
        metrics = {metric: measured[metric] for metric in METRICS}
        metrics[FOR_MONEY] = speed["decode_tok_s"] / priced["price"] if priced else None
        return Figure(
            workload=name,
            title=work["title"],
            tok_s=speed["decode_tok_s"],
            lo=speed["decode_tok_s_lo"],
            hi=speed["decode_tok_s_hi"],
            n=speed["n"],
            href=href,
            metrics=metrics,
            memory_verdict=measured["memory_verdict"],
            context_tokens=self.contexts.get((speed["run_id"], measured["server"])),
            source_text=wording.source(speed["provenance"], speed["provisional"], flags),
            flags=flags,
            run_id=speed["run_id"],
        )
