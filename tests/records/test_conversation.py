"""Scripts of conversations: what they must have to be played."""

from pathlib import Path

import pytest

from bench_pipeline.errors import RecordError
from bench_pipeline.paths import checkout
from bench_pipeline.records.workload import Conversation
from bench_pipeline.records.yaml.files import parse_record, read_folder

SCRIPT = """\
title: A short one
explanation: For tests.
context_tokens: 512
system: You call tools.
tools:
  - {name: look, description: Looks at it., parameters: {at: what}}
turns:
  - user: What is there?
    reply: I look.
    calls: [{name: look, arguments: {at: there}}]
    output_tokens: 8
  - results: [Nothing.]
    output_tokens: 8
"""


def read(text: str) -> Conversation:
    return parse_record(Conversation, text.encode(), Path("content/conversations/short.yaml"))


def test_a_script_is_read_with_its_turns():
    script = read(SCRIPT)
    assert (script.slug, len(script.turns)) == ("short", 2)
    assert script.turns[1].results == ["Nothing."]


def test_the_scripts_of_this_checkout_can_be_played():
    assert read_folder(Conversation, checkout().conversations)


@pytest.mark.parametrize(
    ("was", "now", "problem"),
    [
        (SCRIPT[SCRIPT.index("turns:") :], "turns: []\n", "needs at least one of `turns`"),
        (
            "    calls: [{name: look, arguments: {at: there}}]\n",
            "",
            "turn 2 has 1 `results`, but the turn before it made 0 `calls`",
        ),
        (
            "results: [Nothing.]",
            "user: And now?",
            "turn 2 has 0 `results`, but the turn before it made 1 `calls`",
        ),
        ("name: look, arguments", "name: listen, arguments", "a call of `listen`, which is none"),
        (
            "  - user: What is there?",
            "  - results: [Something.]",
            "turn 1 has `results`, but there was no call before it",
        ),
        (
            "  - user: What is there?",
            "  - user: What?\n    results: [Something.]",
            "either `user` or `results`",
        ),
        ("context_tokens: 512", "context_tokens: 8", "context_tokens"),
    ],
)
def test_one_that_cannot_be_played_is_one_clear_error(was: str, now: str, problem: str):
    assert was in SCRIPT
    with pytest.raises(RecordError) as caught:
        read(SCRIPT.replace(was, now))
    assert problem in str(caught.value)
    assert "short.yaml" in str(caught.value)
