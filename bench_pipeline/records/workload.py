"""What is asked of a model: a workload, which is a prompt shape with an output budget, in
`content/workloads/<name>.yaml`; or a conversation, a script of turns that follow each other, in
`content/conversations/<name>.yaml`, and what came of it in a run."""

from itertools import pairwise
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from bench_pipeline.records.base import (
    LARGEST_COUNT,
    MOST_ITEMS,
    MOST_SAMPLES,
    Count,
    Name,
    NonNegative,
    Record,
    Sha256,
    Slug,
    Whole,
)
from bench_pipeline.records.cell import Devices, Failure, Request, StopReason
from bench_pipeline.records.table import Table

LONGEST_PROMPT = 1_000_000
"""Characters: some 200,000 tokens."""


class Workload(Record):
    """A prompt shape with an output budget."""

    slug: Slug
    """The file's stem; leave it out."""
    title: Name
    """Its name on the page."""
    order: Whole
    """Place among the workloads on the page."""
    explanation: str
    """What this shape stresses, for a visitor; shown under its chart."""
    prompt_tokens: int = Field(ge=16, le=LARGEST_COUNT)
    """Tokens of the whole prompt as the server counts it, template and nonce included."""
    output_tokens: int = Field(ge=8, le=LARGEST_COUNT)
    """Tokens of each reply in profile `full`."""
    quick_output_tokens: int = Field(ge=8, le=LARGEST_COUNT)
    """The output budget of profile `quick`."""
    system: str = Field(default="", max_length=LONGEST_PROMPT)
    """Follows the nonce in the system message; for `agent`, the tool schemas."""
    body: str = Field(min_length=1, max_length=LONGEST_PROMPT, pattern=r"\S")
    """The user's message; cut at a word, or repeated, to meet the prompt budget."""


Text = Annotated[str, Field(min_length=1, pattern=r"\S")]


class Tool(Record):
    """What the model may call."""

    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,39}$")]
    """As calls name it."""
    description: Text
    """What it does."""
    parameters: dict[str, Text] = {}
    """What each of its arguments means."""


class Call(Record):
    """A call that the script puts into the model's mouth."""

    name: str
    """One of the script's `tools`."""
    arguments: dict[str, str] = {}
    """Value of each."""


class Turn(Record):
    """What comes in, and what stands in the history as the model's reply to it."""

    user: Text | None = None
    """What the user says."""
    results: list[Text] | None = Field(default=None, max_length=MOST_ITEMS)
    """Instead: what the calls of the turn before gave, in their order."""
    reply: str = ""
    """In place of what the model wrote, so that every model sees the same history."""
    calls: list[Call] = Field(default=[], max_length=MOST_ITEMS)
    """At the end of that reply."""
    output_tokens: int = Field(ge=2, le=LARGEST_COUNT)
    """Tokens that the model writes in this turn; they are timed, and then thrown away."""

    @model_validator(mode="after")
    def _has_one_sender(self) -> Self:
        if (self.user is None) == (self.results is None):
            raise ValueError("a turn has either `user` or `results`")
        return self


class Conversation(Record):
    """A script that is played turn by turn with prompt caching on, as an agent keeps it up."""

    slug: Slug
    """The file's stem; leave it out."""
    title: Name
    """Its name on the page."""
    explanation: str
    """What it stands for, for a visitor."""
    context_tokens: int = Field(ge=256, le=LARGEST_COUNT)
    """Of the server's slot: the same for every model, with room for all of it. A model that was
    trained for less is not measured by it."""
    system: Text
    """Follows the nonce in the system message; the tools come after it."""
    tools: list[Tool] = Field(default=[], max_length=MOST_ITEMS)
    """Declared in the system message as lines of JSON: no model's own form, so that all read the
    same."""
    turns: list[Turn] = Field(max_length=MOST_ITEMS)
    """In order."""

    @model_validator(mode="after")
    def _hangs_together(self) -> Self:
        if not self.turns:
            raise ValueError("a conversation needs at least one of `turns`")
        named = {tool.name for tool in self.tools}
        calls = [call for turn in self.turns for call in turn.calls]
        if unknown := [call.name for call in calls if call.name not in named]:
            raise ValueError(f"a call of `{unknown[0]}`, which is none of its `tools`")
        if self.turns[0].results is not None:
            raise ValueError("turn 1 has `results`, but there was no call before it")
        for number, (before, turn) in enumerate(pairwise(self.turns), start=2):
            given, made = len(turn.results or ()), len(before.calls)
            if given != made:
                raise ValueError(
                    f"turn {number} has {given} `results`, but the turn before it made {made} "
                    "`calls`"
                )
        return self


class ScriptedTurn(Record):
    """A turn of a script, as it was for this model."""

    turn: Count
    """From 0."""
    came: Literal["user", "results"]
    """Who spoke: the user, or the tools that were called."""
    prompt_tokens: Count | None = None
    """As the server counts all that is sent in it. None: it cannot be asked."""
    shared_tokens: Count | None = None
    """Of these, from the first on, those that the turn before had sent too. None as before."""
    output_tokens_budget: Count
    """Tokens that the reply was to have."""


class TurnRequest(Request):
    """The request of one turn; its wave is the repetition."""

    turn: Count
    """From 0."""


_OF_TURNS = Table(key=("wave", "turn"), rising=(("ttft_ms", "end_to_end_ms"),))
TurnRequests = Annotated[list[TurnRequest], Field(max_length=MOST_SAMPLES), _OF_TURNS]


class Trace(Record):
    """A conversation, played again and again: cold, then with what the server kept of it."""

    conversation: Slug
    """Slug of its script."""
    title: Name
    """As the script had it."""
    script_sha256: Sha256
    """Of all that the script sends: another text is another conversation."""
    server: Count
    """Which of the run's `servers` answered, from 0."""
    status: Literal["ok", "failed"] = "ok"
    """A failed conversation is a result too."""
    failure: Failure | None = None
    """Of a failed one."""
    stop_reason: StopReason | None = None
    """Why no more was measured."""
    window_ms: NonNegative | None = None
    """Length of the measured window, warm-up excluded."""
    turns: Annotated[list[ScriptedTurn], Field(max_length=MOST_ITEMS), Table(key=("turn",))] = []
    """The script's, in order."""
    warmups: TurnRequests = []
    """Thrown away: in no figure."""
    requests: TurnRequests = []
    """Of every turn of every repetition."""
    telemetry: Devices = []
    """Over the window."""

    @model_validator(mode="after")
    def _hangs_together(self) -> Self:
        if (self.status == "failed") != (self.failure is not None):
            raise ValueError("a failed conversation, and only that, has a `failure`")
        if any(request.turn >= len(self.turns) for request in self.requests):
            raise ValueError("a request is of none of the `turns`")
        return self
