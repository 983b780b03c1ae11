"""When each token of a reply came, and of which kind it was, from its events."""

from itertools import groupby
from operator import itemgetter

from bench_pipeline.engines.dialects.protocol import Seen, Unlike

MOST_TOKENS_OF_AN_EVENT = 10_000
"""More is no count of tokens; believed, each would get a stamp of its own and fill the memory."""

AT_ONCE_MS = 1.0
"""By the server's own times: events made within that are one answer of it, several tokens that a
draft model had right. Their common arrival is no sign of a client that came late to read."""


class Stamps:
    """Arrival and server time of each token.

    By the counter on the events, if there is one. Else an event holds at least one token, and
    when each came is known only if there are as many tokens as events.
    """

    def __init__(self) -> None:
        self.times: list[float] = []
        self.server_ms: list[float] = []
        self.counts: list[int] = []
        self.counted = False
        """The server counts on its events."""
        self.span = (0.0, 0.0)
        """Arrival of the first token and the last; once the end is known."""
        self._seen = 0
        self._marks: list[tuple[float, float | None]] = []
        """Of each event with tokens: arrival and the server's time."""

    @property
    def events(self) -> int:
        """Those that hold tokens."""
        return len(self._marks)

    @property
    def count(self) -> int:
        """Tokens so far; at least so many where nobody counts."""
        return len(self.times) if self.counted else self.events

    def hear(self, arrived: float, seen: Seen) -> int | None:
        """How many tokens there are with this event; None if it does not tell."""
        if seen.total is not None:
            self.counted = True
            self._add(arrived, seen.total, seen.total_ms)
            return seen.total
        if seen.token and not self.counted:
            self._marks.append((arrived, None))
            return self.events
        return None

    def end(self, finished_at: float, tokens: int, server_ms: float | None, finish: str) -> None:
        """The reply has `tokens` tokens, by the server.

        Tokens at the end may have no text to send (half a tag, half a character): the event with
        the finish reason is sent when the last of them is made. But where a model ended its text
        by itself, a token was computed that is in no count, and the finish comes after it: where
        all others have an event, the last of these came with its own.
        """
        if self.counted:
            self._rest(finished_at, tokens, server_ms)
            if not self.times:
                raise Unlike(f"text came {self.events} times, but the server counts no token")
            self.span = self.times[0], self.times[-1]
            return
        first, last = self._marks[0][0], self._marks[-1][0]
        if tokens == self.events:
            self.times = [arrived for arrived, _ in self._marks]
        self.span = first, last if self.times and finish == "stop" else finished_at

    def shared_reads(self) -> int:
        """Events that came in one read with another, unless the server made them at once."""
        shared = 0
        for _, group in groupby(self._marks, key=itemgetter(0)):
            made = [server_ms for _, server_ms in group]
            known = [moment for moment in made if moment is not None]
            at_once = len(known) == len(made) and known[-1] - known[0] <= AT_ONCE_MS
            shared += 0 if len(made) == 1 or at_once else len(made)
        return shared

    def _add(self, arrived: float, count: int, server_ms: float | None) -> None:
        """An event with the server's count at it."""
        if server_ms is not None and self.server_ms and server_ms < self.server_ms[-1]:
            raise Unlike(f"the server's time fell from {self.server_ms[-1]} to {server_ms} ms")
        self.counts.append(count)
        if self._rest(arrived, count, server_ms):
            self._marks.append((arrived, server_ms))

    def _rest(self, arrived: float, count: int, server_ms: float | None) -> int:
        """The tokens up to `count` that were not there before; how many these are."""
        # The first event may stand for several tokens: only its last has a known arrival.
        new = count - self._seen if self.times else min(1, count)
        if new <= 0:
            return 0
        if new > MOST_TOKENS_OF_AN_EVENT:
            raise Unlike(f"one event counts {new:,} tokens")
        self._seen = count
        self.times += [arrived] * new
        if server_ms is not None:
            self.server_ms += [server_ms] * new
        return new


class Kinds:
    """Which tokens are reasoning and which the answer: by count, as text has no length in
    tokens."""

    def __init__(self) -> None:
        self.hidden = 0
        self.texts = 0
        self.first_visible_at: float | None = None
        self._sorted = 0  # tokens whose kind is known
        self._thinking = False  # the text before was hidden
        self._heard: set[str] = set()  # text since `_sorted`

    def hear(self, visible: bool, hidden: bool, arrived: float) -> None:
        """Of which kinds the text of an event is."""
        if hidden:
            self._heard.add("hidden")
        if visible:
            self._heard.add("visible")
            if self.first_visible_at is None:
                self.first_visible_at = arrived

    def sort(self, count: int, *, last: bool = False) -> None:
        """The tokens up to `count` are of the kind heard since the last were sorted.

        Tokens without text wait for the next that has some: what the parser swallows where the
        kind changes are the tags. Of an event that begins the answer, one token is visible.
        """
        if not self._heard and not last:
            return
        new = max(0, count - self._sorted)
        self.texts += bool(self._heard)
        if "visible" in self._heard:
            after_hidden = self._thinking or "hidden" in self._heard
            self.hidden += max(0, new - 1) if after_hidden else 0
            self._thinking = False
        elif "hidden" in self._heard or self._thinking:
            self.hidden += new
            self._thinking = True
        self._sorted = max(self._sorted, count)
        self._heard = set()
