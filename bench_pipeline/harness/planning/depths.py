"""How far a deep curve goes: which prompts are for the model, which fit, which take too long.

What is left out is said with its numbers, before a server is started for it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import log

from bench_pipeline.errors import EngineError
from bench_pipeline.harness.planning.profiles import DEEP_DEPTHS
from bench_pipeline.models.context import USUAL_TYPE, Context
from bench_pipeline.records.rig import BackendSetup
from bench_pipeline.records.run import DepthLeftOut

MARGIN_TOKENS = 64
"""Room in a slot beyond prompt and answer."""
STEP_TOKENS = 256
"""A slot's context is a multiple of it."""
WORTH = 1.1
"""The longest that a model was trained for is a length of its own if it is so much longer."""
RESERVE_MIB = 512.0
"""For what is computed with, and for the engine itself."""
RESERVE_BYTES_PER_TOKEN = 2048
"""What is computed with grows with the context: a mask over it for a batch of 512."""
STEEPEST, FLATTEST = 2.2, 1.0
"""By what power of the length the time of a prompt may be thought to grow: attention alone grows
by its square."""
MIB = 2**20


def context_for(tokens: int) -> int:
    """Of a slot, for prompt and answer of so many tokens."""
    return -(-(tokens + MARGIN_TOKENS) // STEP_TOKENS) * STEP_TOKENS


def deepest(trained_tokens: int, output_tokens: int) -> int:
    """The longest prompt whose slot is within what the model was trained for."""
    return max(0, (trained_tokens - output_tokens - MARGIN_TOKENS) // STEP_TOKENS * STEP_TOKENS)


def depths_for(
    asked: Sequence[int], output_tokens: int, trained_tokens: int | None, where: str
) -> tuple[list[int], list[DepthLeftOut]]:
    """Lengths for the model, short ones first, and those that it was not trained for. EngineError
    (`refused`) where one of those that were `asked` for is beyond that; none asked: all."""
    depths = sorted(set(asked or DEEP_DEPTHS))
    if trained_tokens is None:
        return depths, []
    most = deepest(trained_tokens, output_tokens)
    beyond = [depth for depth in depths if context_for(depth + output_tokens) > trained_tokens]
    if asked and beyond:
        raise EngineError(
            f"a prompt of {beyond[0]:,} tokens is longer than the {most:,} that this model's "
            f"trained context of {trained_tokens:,} has room for, with an answer of "
            f"{output_tokens}",
            mend=f"name depths up to {most}, or none: then it goes as far as the model does",
            where=where,
            kind="refused",
        )
    depths = [depth for depth in depths if depth not in beyond]
    if not asked and beyond and most > WORTH * max(depths, default=0):
        depths.append(most)
    why = f"the model was trained for {trained_tokens:,} tokens, prompt and answer together"
    return depths, [DepthLeftOut(depth_tokens=d, why="trained", message=why) for d in beyond]


@dataclass(frozen=True)
class Memory:
    """What a slot has room in.

    free_mib     where the cache will lie, before anything is loaded; None: nobody knows
    weights_mib  that will lie there too
    """

    free_mib: float | None
    weights_mib: float


def without_room(
    depths: Sequence[int],
    output_tokens: int,
    context: Context,
    setup: BackendSetup,
    memory: Memory,
) -> list[DepthLeftOut]:
    """Those of `depths` whose cache would not fit by the model's header. Where that does not tell,
    or nobody knows what is free, none: starting the server shows it."""
    each = context.bytes_per_token(setup.cache_type_k, setup.cache_type_v)
    if each is None or memory.free_mib is None:
        return []
    types = "/".join(
        dict.fromkeys((setup.cache_type_k or USUAL_TYPE, setup.cache_type_v or USUAL_TYPE))
    )
    found = []
    for depth in depths:
        tokens = context_for(depth + output_tokens)
        cache_mib = each * tokens / MIB
        reserve_mib = RESERVE_MIB + RESERVE_BYTES_PER_TOKEN * tokens / MIB
        if memory.weights_mib + cache_mib + reserve_mib > memory.free_mib:
            message = (
                f"a KV cache in {types} of {tokens:,} tokens takes {cache_mib:,.0f} MiB beside "
                f"{memory.weights_mib:,.0f} MiB of weights and {reserve_mib:,.0f} MiB to compute "
                f"with; {memory.free_mib:,.0f} MiB were free"
            )
            found.append(DepthLeftOut(depth_tokens=depth, why="memory", message=message))
    return found


def expected_s(depth: int, took_s: Sequence[tuple[int, float]]) -> float | None:
    """How long one repetition takes at `depth`, by the lengths before, each with what one took
    there; None: there was none."""
    if not took_s:
        return None
    (longest, last_s), power = took_s[-1], (FLATTEST + STEEPEST) / 2
    if len(took_s) > 1 and took_s[-2][1] > 0 and last_s > 0:
        before, before_s = took_s[-2]
        power = log(last_s / before_s) / log(longest / before)
        power = min(max(power, FLATTEST), STEEPEST)
    return last_s * (depth / longest) ** power


def without_time(depth: int, needed_s: float, left_s: float, budget_s: float) -> DepthLeftOut:
    message = (
        f"by the lengths before it would take {needed_s:,.0f} s, and {max(0, left_s):,.0f} s were "
        f"left of the {budget_s:,.0f} s that the curve may take"
    )
    return DepthLeftOut(depth_tokens=depth, why="time", message=message)
