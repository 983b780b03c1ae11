"""What a conversation's script sends in each turn."""

import hashlib
import json
from collections.abc import Iterator

from bench_pipeline.engines.dialects.protocol import Messages
from bench_pipeline.harness.client.prompts import NONCE_DIGITS
from bench_pipeline.records.workload import Call, Conversation, Turn

SAME_NONCE = "0" * NONCE_DIGITS


def messages(script: Conversation, turn: int, nonce: str) -> Messages:
    """All of `turn`, from 0: the turns before with the replies that the script has for them.

    The nonce leads, as in every prompt here. Declarations, calls and results are plain text of
    system, assistant and user, which every chat template has; a model's own form of them would
    make another prompt of each.
    """
    sent = [{"role": "system", "content": f"{nonce}\n{_system(script)}"}]
    for number, each in enumerate(script.turns[: turn + 1]):
        before = script.turns[number - 1] if number else None
        sent.append({"role": "user", "content": _incoming(each, before)})
        if number < turn:
            sent.append({"role": "assistant", "content": _reply(each)})
    return sent


def script_sha256(script: Conversation) -> str:
    """Of all that is sent in all turns, the nonce apart, and of how much is asked for."""
    asked = [turn.output_tokens for turn in script.turns]
    whole = [messages(script, len(script.turns) - 1, SAME_NONCE), asked]
    return hashlib.sha256(json.dumps(whole).encode()).hexdigest()


def _system(script: Conversation) -> str:
    tools = [tool.model_dump() for tool in script.tools]
    return "\n".join([script.system.strip(), *(["Tools:"] if tools else []), *map(_line, tools)])


def _incoming(turn: Turn, before: Turn | None) -> str:
    if turn.user is not None:
        return turn.user.strip()
    calls = before.calls if before else []
    return "\n".join(_results(calls, turn.results or []))


def _results(calls: list[Call], results: list[str]) -> Iterator[str]:
    for call, result in zip(calls, results, strict=True):
        yield f"Result of {call.name}:"
        yield result.strip()


def _reply(turn: Turn) -> str:
    calls = [_line(call.model_dump()) for call in turn.calls]
    return "\n".join(filter(None, [turn.reply.strip(), *calls])) or "."


def _line(what: dict[str, object]) -> str:
    return json.dumps(what, ensure_ascii=False)
