"""What can be wrong with a server, or with the way to it."""

import asyncio
from collections import Counter
from dataclasses import dataclass

import psutil

from tests.faults.proxy import CutConnection, Document, Fault, Passage


class CachingLeftOn(Fault):
    """Every prompt the same, and the server told to keep it: as most tools measure."""

    def on_request(self, body: Document) -> None:
        body["cache_prompt"] = True
        body["messages"][0]["content"] = "00000000"  # where the nonce is


class StopsEarly(Fault):
    def on_request(self, body: Document) -> None:
        body["max_tokens"] = max(1, body["max_tokens"] - 8)


class UsageOneMore(Fault):
    async def on_event(self, passage: Passage, event: Document) -> Document | None:
        if "usage" in event:
            event["usage"]["completion_tokens"] += 1
        return event


class PromptCountedTwice(Fault):
    """Would double the speed of prefill."""

    async def on_event(self, passage: Passage, event: Document) -> Document | None:
        if "timings" in event:
            event["timings"]["prompt_n"] *= 2
        return event


class TokensClaimedButNotMade(Fault):
    """Makes 20 fewer than asked, and says at the end that it made them all."""

    missing = 20

    def on_request(self, body: Document) -> None:
        body["max_tokens"] -= self.missing

    async def on_event(self, passage: Passage, event: Document) -> Document | None:
        if "usage" in event:
            event["usage"]["completion_tokens"] += self.missing
            event["timings"]["predicted_n"] += self.missing
        return event


class EventsLost(Fault):
    async def on_event(self, passage: Passage, event: Document) -> Document | None:
        return None if 5 < passage.events <= 25 else event


class OneInTwentyLate(Fault):
    """What comes after a late chunk waits behind it, and then comes at once, one after the other:
    read together, as on a busy machine, it would be another fault."""

    delay_s = 0.15
    """At least: on a busy machine, where the server itself makes long gaps, thrice the longest."""

    def __init__(self) -> None:
        self.longest_gap_ms: Counter[int] = Counter()
        self.last_ms: Counter[int] = Counter()
        """By passage: what the server says of its own tokens' times."""

    async def on_event(self, passage: Passage, event: Document) -> Document | None:
        if "timings" in event:
            now_ms, before_ms = event["timings"]["predicted_ms"], self.last_ms[passage.number]
            self.last_ms[passage.number] = now_ms
            gap_ms = max(self.longest_gap_ms[passage.number], now_ms - before_ms)
            self.longest_gap_ms[passage.number] = gap_ms
        if passage.events % 20 == 19:
            await asyncio.sleep(self.delay_s + 3 * self.longest_gap_ms[passage.number] / 1000)
        await passage.heard()
        return event


@dataclass
class OnceInTheMiddle(Fault):
    """Strikes a single reply, the `reply`-th from 0, after ten events."""

    reply: int = 2

    async def on_event(self, passage: Passage, event: Document) -> Document | None:
        if passage.number == self.reply and passage.events == 10:
            await asyncio.to_thread(self.strike, passage.server)
        return event

    def strike(self, server: psutil.Process) -> None:
        raise NotImplementedError


class CutsConnection(OnceInTheMiddle):
    def strike(self, server: psutil.Process) -> None:
        raise CutConnection


class KillsServer(OnceInTheMiddle):
    """With what it had sent by then: it may be done before a busy proxy reads the tenth event."""

    def strike(self, server: psutil.Process) -> None:
        server.kill()
        server.wait()
        raise CutConnection


class FreezesServer(OnceInTheMiddle):
    """Nothing comes until somebody ends it, of what it had sent by then either."""

    def strike(self, server: psutil.Process) -> None:
        server.suspend()
        server.wait()
