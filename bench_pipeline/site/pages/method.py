"""The method page: how each number is made, with the thresholds that the code itself uses."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from markupsafe import Markup

from bench_pipeline.engines.llama_cpp import placement
from bench_pipeline.harness import curves, quiet, session
from bench_pipeline.harness.client import counts
from bench_pipeline.harness.planning import ladder, profiles
from bench_pipeline.harness.telemetry import renewal, window
from bench_pipeline.measures import comparison, drift, formulas, knee, queueing, statistics, steps
from bench_pipeline.site import wording
from bench_pipeline.site.data.downloads import BY_HAND, Downloads
from bench_pipeline.site.pages.press import Press
from bench_pipeline.site.source import Tables
from bench_pipeline.site.view import Site

MODULES: dict[str, ModuleType] = {
    module.__name__.rpartition(".")[2]: module
    for module in (
        *(comparison, counts, curves, drift, formulas, knee, ladder),
        *(placement, profiles, queueing, quiet, renewal, session, statistics, steps, window),
    )
}
"""Where the page's numbers come from, by the name that the template calls them."""

PROFILE_RULES = (
    ("Warm-up repetitions, thrown away", "warmup_waves", ""),
    ("Repetitions at least", "min_waves", ""),
    ("Repetitions at most", "max_waves", ""),
    ("Enough when the interval is within ±", "target_half_width", "%"),
    ("Time for a cell, once it has the least", "cell_budget_s", "s"),
    ("Streams at once", "concurrencies", ""),
    ("Waits for a quiet machine up to", "quiet_patience_s", "s"),
    ("Prompt lengths of the curves, tokens", "curve_depths", ""),
    ("Tokens of each reply there", "curve_output_tokens", ""),
    ("No byte for so long is a hang", "stall_timeout_s", "s"),
)
"""Label, field of `ProfileRules`, unit."""


@dataclass(frozen=True)
class Example:
    """A real figure of the front page, to show how one is read."""

    what: str
    tok_s: str
    interval: str
    n: int
    href: str


def pages(press: Press, site: Site, tables: Tables, downloads: Downloads) -> dict[str, bytes]:
    return {
        "method.html": press.page(
            "method.html",
            constant=constant,
            example=_example(site),
            profile_rules=PROFILE_RULES,
            profiles=list(profiles.PROFILES),
            workloads=tables.workloads,
            flags=wording.FLAGS,
            failures=wording.FAILURES,
            by_hand=next((f"data/{f.name}" for f in downloads.others if f.name == BY_HAND), ""),
        )
    }


def constant(name: str, unit: str = "") -> Markup:
    """A constant of the code as the page shows it: `drift.DRIFT_FLOOR` in `%` reads `2 %`.

    `name` begins with one of MODULES; after it come attributes and keys. The element keeps the
    bare value, and where it is from. AttributeError or KeyError for one that is not there.
    """
    module, *path = name.split(".")
    value: Any = MODULES[module]
    for part in path:
        value = value[part] if isinstance(value, Mapping) else getattr(value, part)
    return Markup('<data value="{}" title="{}">{}</data>').format(
        value, f"{MODULES[module].__name__}: {'.'.join(path)}", _text(value, unit)
    )


def _text(value: Any, unit: str) -> str:
    if value is None:
        return "not used"
    if isinstance(value, str):
        return value
    if isinstance(value, Sequence):
        return wording.listed([_text(part, "") for part in value])
    number = value * 100 if unit == "%" else value
    return f"{number:,g}{f' {unit}' if unit else ''}" if number < 1e6 else f"{number}"


def _example(site: Site) -> Example | None:
    """The first of the big table that was measured here and has an interval."""
    for row in site.rows:
        for figure in row.figures:
            if figure.in_full and figure.interval:
                return Example(
                    what=f"{row.name}, {figure.title}, on {row.hardware.rig_title}",
                    tok_s=figure.text,
                    interval=figure.interval,
                    n=figure.n or 0,
                    href=figure.href,
                )
    return None
