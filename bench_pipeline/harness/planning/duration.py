"""What the parts of a run add up to, of a shape and at a speed."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from bench_pipeline.harness.planning.ladder import planned
from bench_pipeline.harness.planning.plan import PlanItem
from bench_pipeline.harness.planning.profiles import (
    DEEP_DEPTHS,
    PROFILES,
    ProfileRules,
    output_tokens,
)
from bench_pipeline.records.campaign import Profile
from bench_pipeline.records.workload import Conversation, Workload

CLIMBED = 4
"""Steps of a climb whose end is not known: as many as most have."""
LOAD_S, LOAD_BYTES_S = 2.0, 1e9
"""To start a server once: the engine itself, and the reading of its model."""
QUIET_S = 2.0
CROWD = 0.5
"""What each further stream adds to a wave, as a share of one alone, where no run tells."""
CHARACTERS_PER_TOKEN = 4


@dataclass(frozen=True)
class Shape:
    """What of a run is measured. `shapes`: prompt and output tokens of each workload."""

    profile: Profile
    concurrencies: tuple[int, ...]
    shapes: tuple[tuple[int, int], ...]
    depths: tuple[int, ...]
    bare: bool
    closing: bool
    deep: tuple[int, ...] = ()
    """Prompt lengths of a deep curve."""
    scripts: tuple[tuple[tuple[int, int], ...], ...] = ()
    """Of each conversation its turns: tokens to read and to write."""


@dataclass(frozen=True)
class Speed:
    """How fast one model is at one place, in seconds for a token alone; `crowd`: how much longer a
    wave of so many streams takes than one alone; `waves`: of a cell, warm-up apart."""

    token_s: float
    prompt_token_s: float
    waves: float
    crowd: Mapping[int, float]
    far_tokens: float = 0.0
    """How many tokens stood before one that takes `token_s`."""
    growth_s: float = 0.0
    """What each further token before it adds; told by workloads of several lengths."""

    def after(self, tokens: float) -> float:
        """Seconds for a token after so many."""
        return self.token_s + max(0.0, tokens - self.far_tokens) * self.growth_s

    def longer(self, concurrency: int) -> float:
        if concurrency in self.crowd:
            return self.crowd[concurrency]
        known = max((c for c in self.crowd if c > 1), default=None)
        each = (self.crowd[known] - 1) / (known - 1) if known else CROWD
        return 1 + each * (concurrency - 1)


def shape_of(
    item: PlanItem, workloads: Iterable[Workload], scripts: Iterable[Conversation] = ()
) -> Shape:
    steps = planned(item.concurrencies)
    deep = (item.depths or DEEP_DEPTHS) if "deep" in item.parts else ()
    played = map(turns_of, scripts) if "conversations" in item.parts else ()
    if "usual" not in item.parts:
        nothing: tuple[int, ...] = ()
        return Shape(item.profile, nothing, (), (), False, False, deep, tuple(played))
    return Shape(
        deep=deep,
        scripts=tuple(played),
        profile=item.profile,
        concurrencies=steps[:CLIMBED] if item.concurrencies == "knee" else steps,
        shapes=tuple(
            (w.prompt_tokens, output_tokens(w, item.profile))
            for w in workloads
            if not item.workloads or w.slug in item.workloads
        ),
        depths=PROFILES[item.profile].curve_depths if item.draws_curve else (),
        bare=item.draws_curve and item.mode == "baseline",
        closing=True,
    )


def seconds(shape: Shape, speed: Speed, size_bytes: float) -> float:
    """What the parts of a run add up to."""
    rules = PROFILES[shape.profile]
    least, warmup, budget_s = rules.min_waves, rules.warmup_waves, rules.cell_budget_s
    most = min(max(speed.waves, least), rules.max_waves)

    def cell_s(wave_s: float) -> float:
        if rules.target_half_width is None or (most - 1) * wave_s <= budget_s:
            return (warmup + most) * wave_s
        return (warmup + max(least, budget_s / wave_s + 1)) * wave_s

    alone_s = [
        prompt * speed.prompt_token_s + output * speed.token_s for prompt, output in shape.shapes
    ]
    longer = [speed.longer(each) for each in shape.concurrencies]
    total = sum([cell_s(each_s * times) for times in longer for each_s in alone_s])
    if shape.closing and alone_s and longer:
        total += cell_s(alone_s[0] * longer[0])
    for depth in shape.depths:
        read_s = depth * speed.prompt_token_s
        written_s = rules.curve_output_tokens * speed.token_s
        total += (rules.warmup_waves + rules.min_waves) * (read_s + 2 * written_s)
        total += rules.min_waves * (2 * read_s + written_s) if shape.bare else 0
    total += deep_s(shape.deep, rules, speed.prompt_token_s, speed.token_s)
    for turns in shape.scripts:
        once_s = before = 0.0
        for prompt, output in turns:
            before += prompt
            once_s += prompt * speed.prompt_token_s + output * speed.after(before + output / 2)
        total += (rules.warmup_waves + rules.min_waves) * once_s
    servers = len(shape.concurrencies) + bool(shape.depths) + shape.closing
    servers += bool(shape.deep) + len(shape.scripts)
    return total + servers * (LOAD_S + size_bytes / LOAD_BYTES_S) + QUIET_S


def deep_s(
    depths: Iterable[int], rules: ProfileRules, prompt_token_s: float, token_s: float
) -> float:
    """Up to its budget, and one length may end beyond it; as if a prompt's time grew with its
    length alone."""
    total = 0.0
    for depth in depths:
        once_s = depth * prompt_token_s + 2 * rules.curve_output_tokens * token_s
        if total and total + rules.min_waves * once_s > rules.deep_budget_s:
            break
        total += rules.min_waves * once_s
    return total


def turns_of(script: Conversation) -> tuple[tuple[int, int], ...]:
    """What of each turn is new: it, and the reply before it."""
    found, before = [], len(script.system) + sum(len(str(tool)) for tool in script.tools)
    for turn in script.turns:
        came = before + sum(map(len, [turn.user or "", *(turn.results or ())]))
        found.append((came // CHARACTERS_PER_TOKEN, turn.output_tokens))
        before = len(turn.reply) + sum(len(str(call)) for call in turn.calls)
    return tuple(found)
