"""A deep curve and conversations on the real server, on a model cut to two layers."""

from dataclasses import replace
from itertools import pairwise

import pytest

from bench_pipeline.engines.dialects import llama_server
from bench_pipeline.errors import EngineError
from bench_pipeline.harness.long.conversation import ConversationMeasurement, check_room
from bench_pipeline.harness.planning.profiles import PROFILES
from bench_pipeline.harness.run import measure_run
from bench_pipeline.records.run import Run
from bench_pipeline.records.yaml.files import read_run
from tests.harness.client.replayed import honest, read
from tests.harness.conftest import with_short_workloads
from tests.records.test_conversation import SCRIPT
from tests.records.test_conversation import read as read_script
from tests.trace_factories import trace

DEPTHS = (48, 96)
TOO_LONG = SCRIPT.replace("What is there?", "What is there? " * 40).replace("512", "256")


@pytest.fixture(scope="module")
def made(tmp_path_factory, item, engine, small_model, test_rig) -> Run:
    model, model_path = small_model
    project = with_short_workloads(tmp_path_factory.mktemp("long") / "checkout")
    for script in project.conversations.glob("*"):
        script.unlink()
    (project.conversations / "short.yaml").write_text(SCRIPT)
    (project.conversations / "too-long.yaml").write_text(TOO_LONG)
    with pytest.MonkeyPatch.context() as patch:
        rules = replace(PROFILES["quick"], min_waves=2, max_waves=2, curve_output_tokens=8)
        patch.setitem(PROFILES, "quick", rules)
        run, path = measure_run(
            replace(item, parts=("deep", "conversations"), depths=DEPTHS),
            project=project,
            rig=test_rig,
            engine=engine,
            model=model,
            model_path=model_path,
        )
    assert read_run(path) == run
    return run


def test_only_the_parts_that_were_asked_for_are_measured(made: Run):
    assert (made.status, made.parts) == ("ok", ["deep", "conversations"])
    assert (made.cells, made.ladder, made.closing, made.bare_engine) == ([], None, None, None)
    assert [server.context_tokens_per_slot for server in made.servers] == [256, 512, 256]
    assert made.bandwidth, "what bounds the curve"


def test_a_deep_curve_warms_its_server_up_once(made: Run):
    assert [(p.depth_tokens, p.status, p.server) for p in made.curves] == [
        (depth, "ok", 0) for depth in DEPTHS
    ]
    assert [len(point.warmups) for point in made.curves] == [1, 0]
    for point in made.curves:
        assert {request.cached_tokens for request in point.cold} == {0}


def test_a_conversation_s_turns_reuse_exactly_what_the_turn_before_had_sent(made: Run):
    assert made.conversations is not None
    told = next(trace for trace in made.conversations if trace.conversation == "short")
    assert told.status == "ok", told.failure
    assert [turn.came for turn in told.turns] == ["user", "results"]
    assert len(told.requests) == 2 * len(told.turns), "each turn of each repetition"
    for before, request in pairwise(told.requests):
        if request.turn == 0:
            continue
        assert request.cached_tokens >= told.turns[1].shared_tokens >= before.prompt_tokens - 1
        assert request.cached_tokens <= told.turns[1].shared_tokens + before.output_tokens
        assert request.sent_at_ms >= before.sent_at_ms + before.end_to_end_ms
    assert {r.cached_tokens for r in told.requests if r.turn == 0} == {0}, "behind a fresh nonce"


def test_a_script_longer_than_its_context_is_refused_with_its_length(made: Run):
    assert made.conversations is not None
    told = next(trace for trace in made.conversations if trace.conversation == "too-long")
    assert (told.status, told.failure.kind) == ("failed", "refused")
    assert "turn 2 of 2 takes" in told.failure.message
    assert "`context_tokens` is 256" in told.failure.message
    assert made.failures == [f"too-long: refused: {told.failure.message}"]


def test_the_servers_say_whether_they_kept_prompts(made: Run):
    assert ["--no-cache-prompt" in server.argv for server in made.servers] == [True, False, False]


def test_a_model_trained_for_less_than_a_script_is_refused_before_it_is_started():
    with pytest.raises(EngineError, match="512 tokens is longer than the 256") as caught:
        check_room(read_script(SCRIPT), 256)
    assert caught.value.kind == "refused"
    check_room(read_script(SCRIPT), 512)
    check_room(read_script(SCRIPT), None)


def test_a_depth_beyond_the_model_is_refused_before_it_is_started(
    short_project, item, engine, small_model, test_rig
):
    model, model_path = small_model
    with pytest.raises(EngineError, match="prompt of 16,384 tokens is longer than the"):
        measure_run(
            replace(item, parts=("deep",), depths=(16384,)),
            project=short_project,
            rig=test_rig,
            engine=engine,
            model=model,
            model_path=model_path,
        )
    assert not list(short_project.runs.rglob("*.yaml"))


@pytest.mark.parametrize(("cached", "failure"), [(40, None), (60, "contaminated")])
def test_more_than_the_turn_before_left_is_not_of_this_conversation(cached, failure):
    """The turn before sent 40 tokens and wrote 8."""
    turns = [
        turn.model_copy(update={"prompt_tokens": prompt, "shared_tokens": shared})
        for turn, prompt, shared in zip(trace().turns, (40, 80), (0, 40), strict=False)
    ]
    playing = ConversationMeasurement(
        read_script(SCRIPT), turns, PROFILES["quick"], iter(()), llama_server.DIALECT
    )
    streams = [replace(_stream(), prompt_tokens=40), replace(_stream(), prompt_tokens=80)]
    playing._hear([streams[0], replace(streams[1], cached_tokens=cached)])
    found = playing._foreign()
    assert (found.kind if found else None) == failure
    if found:
        assert "turn 2 reused 60 tokens, of which the turn before left 48 at most" in found.message


def _stream():
    from bench_pipeline.engines.dialects.dasllama import DIALECT

    return read(honest(), DIALECT)
