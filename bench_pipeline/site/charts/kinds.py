"""The sorts of chart that pages of configurations have, and the words in which each is said."""

from dataclasses import dataclass, replace

from bench_pipeline.measures.knee import KEPT_AT_KNEE

SENTENCES = {
    "many": "{title}, {at}: {count}; {first} {a}, {last} {b}.",
    "one": "{title}, {at}: {a}.",
    "mark": "{name} on {detail} with {text} {unit}",
    "all": "{drawn} configurations",
    "some": "the first {drawn} of {all} configurations",
}
"""How a chart is said in words; a page's script fills in the same ones after a filter."""


@dataclass(frozen=True)
class Kind:
    """What the charts of one sort have in common."""

    name: str
    title: str
    """Empty: each chart is titled by its workload."""
    explanation: str
    value: str
    """Heading of the values, and the title of their axis."""
    unit: str
    at: str
    """Heading of the other coordinate; empty for bars."""
    first: str
    last: str
    """What the first and the last mark are, in the order of the chart."""
    most: int
    """Marks that one drawing has at most, so that it can be read."""


DECODE = Kind(
    name="decode",
    title="",
    explanation="",
    value="Decode, tok/s",
    unit="tok/s",
    at="",
    first="the highest median is",
    last="the lowest",
    most=40,
)
PREFILL = Kind(
    name="prefill",
    title="Prefill against decode",
    explanation="Reading a prompt is held back by arithmetic, writing an answer by memory. Both "
    "axes are logarithmic, so equal distances are equal ratios; the lines are 95 % intervals.",
    value="Prefill, tok/s",
    unit="tok/s prefill",
    at="Decode, tok/s",
    first="the highest is",
    last="the lowest",
    most=200,
)
CEILING = Kind(
    name="ceiling",
    title="Share of the memory's ceiling",
    explanation="A stream cannot decode faster than its weights and KV cache can be read from "
    "memory. This is the share of that bound which was reached; above 100 % the weights were "
    "served from a cache, or the bound was measured too low.",
    value="Share of the ceiling, %",
    unit="of its ceiling",
    at="",
    first="the highest is",
    last="the lowest",
    most=40,
)
QUANTS = Kind(
    name="quants",
    title="Speed by size of the file",
    explanation="One model in several quants on the same rig and build: how much speed a smaller "
    "file buys.",
    value="Decode, tok/s",
    unit="tok/s",
    at="File, GB",
    first="the highest median is",
    last="the lowest",
    most=200,
)
BITS = replace(
    QUANTS,
    name="bits",
    title="Speed by bits per weight",
    explanation="The same by what a weight takes on the average of all tensors in the file, which "
    "a quant's name does not tell: makers keep other tensors wider.",
    at="Bits per weight",
)
CAPS = replace(
    QUANTS,
    name="caps",
    title="Speed by power cap",
    explanation="One model on the same rig and build under three power caps or more. The knee is "
    f"the lowest of them that keeps {KEPT_AT_KNEE * 100:g} % of the speed under the highest.",
    at="Power cap, W",
)
ENERGY = replace(
    CAPS,
    name="energy",
    title="Energy by power cap",
    explanation="Energy for each output token, as the GPU's sensors measured it, under three power "
    "caps or more; the knee is that of speed.",
    value="Energy, J/token",
    unit="J/token",
    first="the most is",
    last="the least",
)
KINDS = (DECODE, PREFILL, CEILING, QUANTS, BITS, CAPS, ENERGY)
