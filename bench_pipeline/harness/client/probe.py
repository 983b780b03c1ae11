"""Whether a server keeps prompts that it has answered, where it does not say so."""

from collections.abc import Callable, Iterator
from statistics import median

from bench_pipeline.engines.dialects.protocol import Messages
from bench_pipeline.records.server import CacheProbe

TOKENS = 4
"""Of each reply: the first of them may have no text, and so no event."""
PAIRS = 5
SOONER = 0.8
"""Of five engines with a cache repeats took at the median 0.02 to 0.57 of a fresh prompt's time, of
three without one 1.00 to 1.07."""


def probe(
    first_token_ms: Callable[[Messages], float],
    prompts: Iterator[Messages],
    prompt_tokens: int,
) -> CacheProbe:
    """Sends fresh prompts, each twice, until most of five pairs agree. `first_token_ms` sends one,
    alone, and says how long its first token took. The first reply warms up and does not count."""
    first_token_ms(next(prompts))
    fresh, repeats = list[float](), list[float]()
    sooner = 0
    while max(sooner, len(fresh) - sooner) <= PAIRS // 2:
        prompt = next(prompts)
        fresh.append(first_token_ms(prompt))
        repeats.append(first_token_ms(prompt))
        sooner += repeats[-1] < SOONER * fresh[-1]
    return CacheProbe(
        prompt_tokens=prompt_tokens,
        fresh_ms=[round(ms, 3) for ms in fresh],
        repeat_ms=[round(ms, 3) for ms in repeats],
        caches=sooner > PAIRS // 2,
    )


def least_cold_ms(found: CacheProbe | None) -> float | None:
    """No prompt as long as the probe's that is really computed has its first token sooner; None
    where nothing of a prompt can come from a cache."""
    return LEAST_OF_FRESH * median(found.fresh_ms) if found and found.caches else None


LEAST_OF_FRESH = 0.7
"""Half a prompt took 0.29 to 0.82 of the whole one's time."""
