"""What a deep curve and a conversation are thought to take."""

from collections.abc import Iterable

from bench_pipeline.harness.planning.profiles import ProfileRules
from bench_pipeline.records.workload import Conversation

CHARACTERS_PER_TOKEN = 4


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
