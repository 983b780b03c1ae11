"""What a dialect is, and what it makes of an event."""

from collections.abc import Callable, Collection
from typing import Any, NamedTuple, Protocol

from bench_pipeline.records.model import Format

Messages = list[dict[str, str]]
"""A chat so far: `role` and `content` of each message."""

Ask = Callable[[str, str, Any], dict[str, Any]]
"""Method, path and body of a question to the server; the object that it answers.
httpx.HTTPError if it answers none."""

COMPLETIONS = "/v1/chat/completions"
"""Where all of them are asked."""


class Unlike(Exception):
    """An event is not as the protocol has it; says how."""


class Usage(NamedTuple):
    """The server's account of a reply, by OpenAI's `usage`."""

    prompt_tokens: int | None
    output_tokens: int | None
    cached_tokens: int | None
    """Of the prompt, not computed; None: it does not tell."""


class Clock(NamedTuple):
    """The server's own account of one request so far, beside `usage`; None: it does not tell.

    prompt_ms        until the first token, queueing excluded
    decode_ms        from the first token to the last
    output_tokens    a count of its own
    """

    prompt_ms: float | None
    decode_ms: float | None
    output_tokens: int | None = None
    prompt_tokens: int | None = None
    cached_tokens: int | None = None
    draft_tokens: int | None = None
    draft_accepted: int | None = None


class Counters(NamedTuple):
    """What a server has added up since its start, of all requests that it has answered.

    cached_tokens    of the prompts, not computed
    queue_ms         until each was begun
    prompt_ms        from then until its first token
    decode_ms        from its first token to its last
    """

    requests: int
    prompt_tokens: int
    output_tokens: int
    cached_tokens: int
    queue_ms: float
    prompt_ms: float
    decode_ms: float

    def since(self, earlier: "Counters") -> "Counters":
        added: Any = (now - then for now, then in zip(self, earlier, strict=True))
        return Counters(*added)


class Seen(NamedTuple):
    """What an event holds.

    visible, hidden    text of the answer, text of reasoning
    token              at least one token; without a count of its own that is all that is known
    total, total_ms    tokens of the reply up to and with this event, and the server's time at the
                       last of them from the first, where the engine puts them on its events
    finish             why the reply ended
    """

    visible: bool = False
    hidden: bool = False
    token: bool = False
    total: int | None = None
    total_ms: float | None = None
    finish: str | None = None
    usage: Usage | None = None
    clock: Clock | None = None


class Proof(NamedTuple):
    """What a server says of itself once it is ready; None: it does not tell.

    model      the file that it has loaded; empty if it has none
    slots      requests that it answers at once
    context    tokens that each of them may have, prompt and answer together
    """

    version: str | None = None
    model: str | None = None
    slots: int | None = None
    context: int | None = None


class Keeper(Protocol):
    """How a server that holds several models is asked for one, and left as it was found."""

    def loaded(self, ask: Ask) -> dict[str, Any]:
        """What it has loaded, by name, each with what `load` needs to have it so again."""
        ...

    def load(self, ask: Ask, name: str, how: Any) -> None: ...

    def unload(self, ask: Ask, name: str) -> None: ...

    def weights(self, ask: Ask, name: str) -> str | None:
        """sha256 of the file of that model; None: it does not tell."""
        ...


class Dialect(Protocol):
    """One engine family.

    name            as run files have it
    own_clock       it tells with each request how long decoding took
    fixed_length    it can be made to write exactly as many tokens as it is asked for
    head_tokens     most of a cold prompt that it may have had in a cache: 0 where caching can be
                    switched off, else what may stand before the nonce
    tells_cached    it says how much of a prompt it had in a cache
    counts_events   each event says how many tokens there are: when each came is always known
    proves_slots    it says how many requests it answers at once
    formats         models that it reads
    counters_at     path of its counters, from which its time of each wave is known; None: it has
                    none, or tells more with each request
    keeper          of a family whose server holds several models
    """

    @property
    def name(self) -> str: ...
    @property
    def own_clock(self) -> bool: ...
    @property
    def fixed_length(self) -> bool: ...
    @property
    def head_tokens(self) -> int: ...
    @property
    def tells_cached(self) -> bool: ...
    @property
    def counts_events(self) -> bool: ...
    @property
    def proves_slots(self) -> bool: ...
    @property
    def formats(self) -> Collection[Format]: ...
    @property
    def counters_at(self) -> str | None: ...
    @property
    def keeper(self) -> Keeper | None: ...

    def body(self, messages: Messages, tokens: int, *, cached: bool) -> dict[str, Any]:
        """A streamed chat completion of `tokens` tokens, with fields that it understands and no
        others: an unknown one is ignored without a word. `cached`: the prompt may be reused."""
        ...

    def see(self, event: dict[str, Any]) -> Seen:
        """Unlike if it is not as the family has it."""
        ...

    def counters(self, text: str) -> Counters:
        """Of what it answers at `counters_at`. Unlike if they are not there."""
        ...

    def prove(self, ask: Ask) -> Proof:
        """Unlike if the answer is not as the family has it."""
        ...

    def count(self, ask: Ask, messages: Messages) -> int | None:
        """Tokens of the rendered prompt. None: it cannot be asked, only tried."""
        ...

    def tokens(self, ask: Ask, messages: Messages) -> list[int] | None:
        """The rendered prompt itself. None: it cannot be asked."""
        ...
