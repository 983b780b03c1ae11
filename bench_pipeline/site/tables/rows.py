"""The big table: families, their rows, and what each row says for each workload.

A row is one configuration: model x rig x backend x build x mode x power cap x concurrency,
measured or published.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, TypeVar

from bench_pipeline.site import wording
from bench_pipeline.site.hardware import Hardware, rig_href
from bench_pipeline.site.source import Row
from bench_pipeline.site.tables.columns import metric_text

if TYPE_CHECKING:
    from bench_pipeline.measures.ties import Standing

STANDINGS = {"fastest": "fastest", "tied": "not separable from the fastest"}
"""Words of a standing; the others say nothing."""


@dataclass(frozen=True)
class Figure:
    """One row's decode rate for one workload, or why it has none."""

    workload: str
    title: str
    tok_s: float | None
    lo: float | None = None
    hi: float | None = None
    n: int | None = None
    reason: str = ""
    """Why there is no rate; empty where there is one."""
    href: str = ""
    """The cell on its run's page, or the model's page where there is none."""
    metrics: dict[str, float | None] = field(default_factory=dict)
    """By BESIDE; empty where there is no rate."""
    memory_verdict: str | None = None
    context_tokens: int | None = None
    """For each stream."""
    standing: Standing = "unjudged"
    """Among the configurations of its model on its rig."""
    source_text: str = ""
    """As `wording.source` has it; empty where there is no rate."""
    flags: tuple[str, ...] = ()
    """What disturbed its measuring, in words."""
    run_id: str = ""
    """Empty where there is no rate."""

    @property
    def in_full(self) -> bool:
        """Measured here and not provisional: what may be ranked."""
        known = wording.STRANGER not in self.flags
        return known and self.source_text in ("measured", "flagged")

    @property
    def judgeable(self) -> bool:
        """Ranked, and by two clocks: what may be called faster than another, or slower."""
        return self.in_full and wording.ONE_CLOCK not in self.flags

    @property
    def text(self) -> str:
        return self.reason if self.tok_s is None else wording.decimal(self.tok_s)

    @property
    def interval(self) -> str:
        return wording.span(self.lo, self.hi)

    @property
    def standing_text(self) -> str:
        return STANDINGS.get(self.standing, "")

    def metric(self, metric: str) -> str:
        value = self.metrics.get(metric)
        return metric_text(metric, value, value)


@dataclass(frozen=True)
class TableRow:
    id: str
    model: str
    name: str
    """The model's, as `file_name` has it."""
    family: str
    released: str
    variant: str
    quant: str
    creator: str
    """Who quantized the file; empty where nobody said."""
    hardware: Hardware
    backend: str
    engine: str
    build: str
    stale: str
    """How far behind its build and its run are; empty where they are the newest."""
    size_bytes: int | None
    """Of the model's file; None where nobody said."""
    mode: str
    power_cap_w: float | None
    concurrency: int | None
    """None: the run failed before its first cell."""
    provenance: str
    """`measured` here, or `published` (as printed) or `imported` from elsewhere."""
    provisional: bool
    """One of its figures is: measured by profile `quick`, too few times, or on a host that was
    not quiet."""
    flags: tuple[str, ...]
    """Those of all its figures."""
    low: float | None
    high: float | None
    problem: str
    """Why the row has no range; empty where it has one."""
    note: str
    """What is missing from the range."""
    figures: tuple[Figure, ...]
    """One for each workload of the page, in its order."""
    href: str
    setup: str = ""
    """How the model was laid out and computed beyond the engine's defaults, in words."""
    kind: str = ""
    """Of that what makes it another kind, ranked by itself; empty for the usual one."""

    @property
    def rig_href(self) -> str:
        return rig_href(self.hardware.rig)

    @property
    def backend_name(self) -> str:
        return wording.backend_name(self.backend)

    @property
    def build_name(self) -> str:
        return wording.build(self.engine, self.build)

    @property
    def cap(self) -> str:
        """In watts; empty where there is none."""
        return "" if self.power_cap_w is None else wording.trimmed(self.power_cap_w)

    @property
    def text(self) -> str:
        return self.problem or wording.span(self.low, self.high)

    @property
    def listed(self) -> tuple[Figure, ...]:
        """Figures that have a rate."""
        return tuple(figure for figure in self.figures if figure.tok_s is not None)

    @property
    def n(self) -> int | None:
        """The fewest repetitions of its workloads."""
        return min((figure.n for figure in self.listed if figure.n is not None), default=None)

    @property
    def spread(self) -> str:
        """Widest interval of its workloads: `± 1.2 %` of the median; empty without intervals."""
        widths = [
            (figure.hi - figure.lo) / 2 / figure.tok_s
            for figure in self.listed
            if figure.tok_s and figure.lo is not None and figure.hi is not None
        ]
        return f"± {wording.percent(max(widths), 1)}" if widths else ""

    @property
    def standing(self) -> Standing:
        """Over all its workloads: fastest in each, or at least tied in each."""
        found = {figure.standing for figure in self.listed}
        if found == {"fastest"}:
            return "fastest"
        if found and found <= {"fastest", "tied"}:
            return "tied"
        return "slower" if "slower" in found else "unjudged"

    @property
    def standing_text(self) -> str:
        return STANDINGS.get(self.standing, "")

    def metric(self, metric: str) -> str:
        """Its range over the workloads that have it."""
        values = [v for figure in self.figures if (v := figure.metrics.get(metric)) is not None]
        return metric_text(metric, min(values, default=None), max(values, default=None))

    @property
    def fits(self) -> str:
        if self.problem in (wording.failure("oom"), wording.failure("spilled")):
            return "no"
        verdicts = {figure.memory_verdict for figure in self.listed}
        if not verdicts or None in verdicts:
            return wording.DASH
        if verdicts == {"placed"}:
            return "in part, as asked"
        return "yes" if verdicts == {"fits"} else "not verified"

    @property
    def size(self) -> str:
        return wording.DASH if self.size_bytes is None else wording.size(self.size_bytes)

    @property
    def context_tokens(self) -> int | None:
        """The smallest of its figures'."""
        known = [f.context_tokens for f in self.figures if f.context_tokens is not None]
        return min(known, default=None)

    @property
    def source_text(self) -> str:
        return wording.source(self.provenance, self.provisional, self.flags)

    @property
    def order(self) -> tuple[object, ...]:
        """Fastest first, those of one clock behind them, strangers', rows without a figure last."""
        behind = self.high is None, wording.STRANGER in self.flags, wording.ONE_CLOCK in self.flags
        rank = *behind, -(self.high or 0)
        return (*rank, self.name, self.concurrency or 0, self.id)


@dataclass(frozen=True)
class FamilyLine:
    """What the front page says of a family that has a page of its own."""

    id: str
    slug: str
    name: str
    released: str
    names: tuple[str, ...]
    """Of its models in small letters, as they are searched for; each once."""
    count: int
    """Of its rows."""
    results: int
    """Cells with a figure, over all rows."""

    @property
    def href(self) -> str:
        """Its page, where the families have pages."""
        return f"families/{self.slug}.html"


@dataclass(frozen=True)
class Family(FamilyLine):
    rows: tuple[TableRow, ...]

    @property
    def line(self) -> FamilyLine:
        return FamilyLine(**{each.name: getattr(self, each.name) for each in fields(FamilyLine)})


F = TypeVar("F", bound=FamilyLine)


def shared_names(runs: Iterable[Row]) -> frozenset[str]:
    """Names that several model files bear: alone they don't tell which one is meant."""
    files: dict[str, set[str]] = defaultdict(set)
    for run in runs:
        files[model_name(run["family"], run["variant"], run["quant"])].add(run["model"])
    return frozenset(name for name, found in files.items() if len(found) > 1)


def file_name(run: Row, shared: Collection[str]) -> str:
    """The model's name; with who quantized it, or else its slug, where `shared_names` has it."""
    name = model_name(run["family"], run["variant"], run["quant"])
    return f"{name} ({run['creator'] or run['model']})" if name in shared else name


def model_name(family: str, variant: str, quant: str) -> str:
    """Family and variant without saying the same twice: `LFM2.5-350M` + `350M`."""
    stem = family if family.lower().endswith(variant.lower()) else f"{family} {variant}"
    return f"{stem} {quant}"


def cell_anchor(workload: str, concurrency: int) -> str:
    """A cell's id on its run's page."""
    return f"{workload}-{concurrency}"


def run_href(run_id: str) -> str:
    return f"runs/{run_id}.html"


def cell_href(run_id: str, workload: str, concurrency: int) -> str:
    return f"{run_href(run_id)}#{cell_anchor(workload, concurrency)}"


def model_href(model: str) -> str:
    return f"models/{model}.html"


def families(rows: Iterable[TableRow]) -> list[Family]:
    """Newest family first; the rows keep their order."""
    by_name: dict[str, list[TableRow]] = defaultdict(list)
    for row in rows:
        by_name[row.family].append(row)
    made = [
        Family(
            id=f"family-{digest(name)}",
            slug=_slug(name, by_name),
            name=name,
            released=min(row.released for row in members),
            names=tuple(dict.fromkeys(row.name.lower() for row in members)),
            count=len(members),
            rows=tuple(members),
            results=sum(f.tok_s is not None for row in members for f in row.figures),
        )
        for name, members in by_name.items()
    ]
    return newest_first(made)


def newest_first(found: Iterable[F]) -> list[F]:
    """Families as they stand on a page."""
    by_name = sorted(found, key=lambda family: family.name)
    return sorted(by_name, key=lambda family: family.released, reverse=True)


def why_unlisted(cell: Row) -> str:
    """Why a row of `measurements` is not among the listed speeds."""
    if cell["status"] == "failed":
        return wording.failure(cell["failure_kind"])
    if cell["memory_verdict"] == "spilled":
        return wording.failure("spilled")
    if cell["clocks_agree"] is False:
        return "clocks disagree, not listed"
    if cell["delivered_on_time"] is False:
        return "tokens came late, not listed"
    if cell["decode_tok_s"] is None:
        return "no decode rate"
    return ""


def plain_slug(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", name.lower().replace(".", "-")).strip("-")[:60]


def _slug(name: str, names: Iterable[str]) -> str:
    """The name in an address; with a digest where it would not be its own."""

    slug = plain_slug(name)
    if slug and sum(plain_slug(other) == slug for other in names) == 1:
        return slug
    return f"{slug}-{digest(name)}".lstrip("-")


def digest(*parts: object) -> str:
    return hashlib.sha256(json.dumps(parts, default=str).encode()).hexdigest()[:10]
