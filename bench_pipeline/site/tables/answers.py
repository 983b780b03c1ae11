"""The first screen: for each machine and workload, each model's best configuration at one stream.

The best is the highest median among figures that were measured in full, by two clocks before those
by one; a provisional one counts only where a model has no such figure, one from elsewhere only
where it has neither, a stranger's never. A setup of another kind, as with experts on the CPU, is an
answer of its own. A model that does not run there has its reason in place of a speed.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, partial

from bench_pipeline.site import wording
from bench_pipeline.site.devices import headlines
from bench_pipeline.site.hardware import rig_href
from bench_pipeline.site.source import Row, Tables
from bench_pipeline.site.tables.rows import Figure, TableRow

STREAMS = 1
"""Concurrency of an answer: what one person alone gets."""


@dataclass(frozen=True)
class Answer:
    row: TableRow
    figure: Figure
    tied: tuple[TableRow, ...]
    """Other configurations of the model that cannot be told from this one."""

    @property
    def configuration(self) -> str:
        """Backend and build, with what else was set: `CUDA, llama.cpp b11434, 350 W`."""
        return _configuration(self.row)

    @property
    def tie(self) -> str:
        if not self.tied:
            return ""
        return f"not separable from {wording.listed([_configuration(row) for row in self.tied])}"

    @property
    def fits(self) -> str:
        """Of this cell, or of the row that has no figure."""
        if self.figure.tok_s is None:
            return self.row.fits
        verdicts = {"fits": "yes", "placed": "in part, as asked", "unverified": "not verified"}
        return verdicts.get(self.figure.memory_verdict or "", wording.DASH)


@dataclass(frozen=True)
class Board:
    """One machine's answers for one workload, fastest model first."""

    rig: str
    workload: str
    title: str
    """Of the workload."""
    choose: Callable[[], Iterable[Answer]] = field(repr=False)

    @cached_property
    def answers(self) -> tuple[Answer, ...]:
        """Chosen when they are asked for: most boards of a large site stand on pages that are
        kept."""
        return tuple(self.choose())

    @property
    def href(self) -> str:
        """Its page, where the front page shows the first answers only."""
        return f"best/{self.rig}/{self.workload}.html"

    def first(self, count: int) -> "Board":
        """The fastest `count` of them."""
        return replace(self, choose=lambda: self.answers[:count])

    @cached_property
    def metrics(self) -> tuple[str, ...]:
        """Of METRICS, the ones of an answer that some answer has."""
        return tuple(
            metric
            for metric in ("ceiling_share", "prefill_tok_s", "ttft_ms", "joules_per_token")
            if any(answer.figure.metrics.get(metric) is not None for answer in self.answers)
        )

    def share(self, answer: Answer) -> float:
        """Of the fastest answer's decode rate; 0 without one."""
        return (answer.figure.tok_s or 0) / self._fastest if self._fastest else 0.0

    @cached_property
    def _fastest(self) -> float:
        return max((answer.figure.tok_s or 0 for answer in self.answers), default=0)


@dataclass(frozen=True)
class Machine:
    rig: str
    headline: str
    """What it is, as a buyer says it."""
    title: str
    """What its owner calls it."""
    href: str
    boards: tuple[Board, ...]
    """One for each workload, in the page's order."""


def may_answer(row: TableRow) -> bool:
    return row.concurrency in (STREAMS, None)


def machines(rows: Sequence[TableRow], tables: Tables) -> list[Machine]:
    """Machines that have an answer; the one with the newest measured run first."""
    by_rig: dict[str, list[TableRow]] = defaultdict(list)
    for row in rows:
        if may_answer(row):
            by_rig[row.hardware.rig].append(row)
    latest: dict[str, str] = {}
    for run in tables.runs:
        if run["provenance"] == "measured" and run["started_at"]:
            when = run["started_at"].isoformat()
            latest[run["rig"]] = max(latest.get(run["rig"], ""), when)
    named = headlines(tables.runs)
    made = [
        Machine(
            rig=rig,
            headline=named.get(rig, ""),
            title=members[0].hardware.rig_title,
            href=rig_href(rig),
            boards=_boards(rig, members, tables.workloads),
        )
        for rig, members in by_rig.items()
    ]
    made = [machine for machine in made if any(board.answers for board in machine.boards)]
    made.sort(key=lambda machine: (machine.title, machine.rig))
    return sorted(made, key=lambda machine: latest.get(machine.rig, ""), reverse=True)


def _boards(rig: str, rows: Iterable[TableRow], workloads: Iterable[Row]) -> tuple[Board, ...]:
    by_model: dict[tuple[str, str], list[TableRow]] = defaultdict(list)
    for row in rows:
        by_model[row.model, row.kind].append(row)
    members = tuple(by_model.values())
    return tuple(
        Board(rig, work["workload"], work["title"], partial(_chosen, members, work["workload"]))
        for work in workloads
    )


def _chosen(rows: Sequence[Sequence[TableRow]], workload: str) -> list[Answer]:
    """`rows`: of each model and kind, one or more."""
    place = next(n for n, figure in enumerate(rows[0][0].figures) if figure.workload == workload)
    found = [answer for members in rows if (answer := _answer(members, place))]
    return sorted(
        found, key=lambda answer: (answer.figure.tok_s is None, -(answer.figure.tok_s or 0))
    )


def _answer(rows: Sequence[TableRow], place: int) -> Answer | None:
    """None where nobody has tried this workload."""
    figures = [(row, row.figures[place]) for row in rows]
    figures = [pair for pair in figures if wording.STRANGER not in pair[1].flags]
    listed = [(row, figure) for row, figure in figures if figure.tok_s is not None]
    if not listed:
        failed = [pair for pair in figures if pair[1].reason != "not measured"]
        return Answer(*failed[0], tied=()) if failed else None
    best, figure = min(listed, key=lambda pair: (_trust(pair[1]), -(pair[1].tok_s or 0)))
    tied = [
        row
        for row, other in listed
        if row is not best and figure.standing == "tied" == other.standing
    ]
    return Answer(best, figure, tuple(tied))


def _trust(figure: Figure) -> int:
    if figure.in_full:
        return 0 if figure.judgeable else 1
    return 2 if figure.source_text == "provisional" else 3


def _configuration(row: TableRow) -> str:
    parts = [row.backend_name, f"{row.engine} {row.build}"]
    parts += [row.setup] if row.setup else []
    parts += [row.mode] if row.mode != "baseline" else []
    parts += [f"{row.cap} W"] if row.cap else []
    parts += [wording.ONE_CLOCK] if wording.ONE_CLOCK in row.flags else []
    return ", ".join(parts)
