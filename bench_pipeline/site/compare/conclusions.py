"""What two engines side by side allow to be concluded, and what not: a sentence on each thing that
could stand behind their difference. The page's script says the same of any two that are chosen.
"""

import re
from dataclasses import dataclass

from bench_pipeline.site.compare.facts import UNKNOWN, Facts


@dataclass(frozen=True)
class Conclusion:
    """One of `same` and `differ`, by whether the sides agree in `fact`; neither where a side's is
    not recorded. `{a}` is what side A has there, `{a:Quant}` what it has in another fact."""

    fact: str
    same: str
    differ: str


CONCLUSIONS = (
    Conclusion(
        "Machine",
        "It shows which of two servers, started as they were, sent its tokens sooner on this "
        "machine and with this model. Of another machine, model or setting it shows nothing.",
        "They ran on different machines: of the engines alone it shows nothing.",
    ),
    Conclusion(
        "Model SHA-256",
        "Both were given the very same file: the weights are no part of the difference.",
        "They were given different files, not the same weights: A {a:Quant} of {a:File size}, "
        "B {b:Quant} of {b:File size}. What differs is of the engine and of its model's format "
        "together, and says of neither alone that it is faster.",
    ),
    Conclusion(
        "Clocks",
        "Both were timed by {a}.",
        "A was timed by {a}, B by {b}. What one clock timed is called neither faster nor slower, "
        "whatever the intervals say.",
    ),
    Conclusion(
        "Threads asked for",
        "Both were asked to compute with {a}. Whether they kept to that, nothing here proves.",
        "A was asked to compute with {a}, B with {b}, which is part of the difference.",
    ),
    Conclusion(
        "Several streams",
        "Several streams both answered {a}. How an engine batches them is part of its figures "
        "there, and of none at one stream.",
        "Several streams A answered {a}, B {b}: only at one stream are both to be seen.",
    ),
    Conclusion(
        "Length of replies",
        "All replies were {a}.",
        "Replies of A were {a}, of B {b}: that is not the same work.",
    ),
)

_WORD = re.compile(r"\{([ab])(?::([^}]+))?\}")


def conclusions(a: Facts, b: Facts) -> tuple[str, ...]:
    """Sentences on A and B; none where one engine ran both."""
    if a["Engine"] == b["Engine"]:
        return ()
    return tuple(_told(rule, a, b) for rule in CONCLUSIONS if a[rule.fact] and b[rule.fact])


def _told(rule: Conclusion, a: Facts, b: Facts) -> str:
    def value(word: re.Match[str]) -> str:
        found = (a if word[1] == "a" else b)[word[2] or rule.fact]
        return (found if isinstance(found, str) else ", ".join(found)) or UNKNOWN

    return _WORD.sub(value, rule.same if a[rule.fact] == b[rule.fact] else rule.differ)
