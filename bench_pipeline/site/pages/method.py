"""The method page: how each number is made, with the thresholds that the code itself uses."""

from collections.abc import Mapping, Sequence
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
from bench_pipeline.site.pages.press import Press
from bench_pipeline.site.source import Row
from bench_pipeline.site.tables.example import Example

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
    ("A deep curve begins no length that it thinks to end later than", "deep_budget_s", "s"),
    ("No byte for so long is a hang", "stall_timeout_s", "s"),
)
"""Label, field of `ProfileRules`, unit."""


def pages(
    press: Press, example: Example | None, workloads: Sequence[Row], by_hand: str
) -> dict[str, bytes]:
    """`by_hand`: path of its download below the site's root; empty where there is none."""
    return {
        "method.html": press.page(
            "method.html",
            constant=constant,
            example=example,
            profile_rules=PROFILE_RULES,
            profiles=list(profiles.PROFILES),
            workloads=workloads,
            flags=wording.FLAGS,
            failures=wording.FAILURES,
            by_hand=by_hand,
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
