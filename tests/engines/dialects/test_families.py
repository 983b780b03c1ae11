"""What each family is asked, and how its prompts are counted."""

import json

import pytest
from aiohttp import web

from bench_pipeline.engines.dialects.dasllama import DIALECT as DASLLAMA
from bench_pipeline.engines.dialects.families import FAMILIES
from bench_pipeline.engines.dialects.protocol import COMPLETIONS, Dialect, Unlike
from bench_pipeline.engines.dialects.transformers import DIALECT as TRANSFORMERS
from bench_pipeline.engines.dialects.vllm import DIALECT as VLLM
from bench_pipeline.engines.llama_cpp.asking import WrongAnswer
from bench_pipeline.harness.client.prompts import PromptFitter
from tests.stand_ins import answering

MESSAGES = [{"role": "user", "content": "Hello."}]


@pytest.mark.parametrize("dialect", FAMILIES.values(), ids=FAMILIES.keys())
def test_every_family_is_asked_for_a_stream_of_so_many_tokens(dialect: Dialect) -> None:
    body = dialect.body(MESSAGES, 48, cached=False)
    assert (body["messages"], body["stream"]) == (MESSAGES, True)
    assert "48" in json.dumps(body)


def test_no_family_is_asked_what_it_would_ignore() -> None:
    """dasllama answers 200 to any field; transformers has its length in a config, as text."""
    assert "ignore_eos" not in DASLLAMA.body(MESSAGES, 48, cached=False)
    asked = TRANSFORMERS.body(MESSAGES, 48, cached=False)
    assert "stream_options" not in asked
    config = json.loads(asked["generation_config"])
    assert (config["min_new_tokens"], config["max_new_tokens"]) == (48, 48)


@pytest.mark.parametrize(
    "event",
    [
        {"choices": [], "usage": {"completion_tokens": 3, "prompt_tokens": "7"}},
        {"choices": [], "usage": {"prompt_tokens_details": {"cached_tokens": -1}}},
        {"choices": [{"delta": {"reasoning": 5}}]},
        {"choices": [], "timings": {"gen_ms": float("nan")}},
        {"choices": [], "timings": {"gen_ms": "fast"}},
    ],
    ids=str,
)
def test_an_event_that_is_none_is_told(event: dict) -> None:
    with pytest.raises(Unlike):
        DASLLAMA.see(event)


def test_vllm_counts_a_prompt_by_its_messages() -> None:
    asked = []

    def ask(method: str, path: str, body: object) -> dict:
        asked.append((method, path, body))
        return {"count": 44, "tokens": [1] * 44}

    assert VLLM.count(ask, MESSAGES) == 44
    assert asked == [("POST", "/tokenize", {"messages": MESSAGES})]


def test_a_server_without_a_model_is_ready_and_says_so() -> None:
    """dasllama answers `/v1/models` with 200 all the same."""
    told = {"model": "(no model)", "active_model": "", "ctx": 0, "max_streams": 0}
    proof = DASLLAMA.prove(lambda method, path, body: told)
    assert (proof.model, proof.slots, proof.context) == ("", 0, 0)
    with pytest.raises(Unlike):
        DASLLAMA.prove(lambda method, path, body: {"max_streams": "4"})
    with pytest.raises(Unlike):
        VLLM.prove(lambda method, path, body: {})


def counted(answer: object) -> tuple[int, list[dict]]:
    """What a family that cannot be asked makes of a prompt, and what it was sent for that."""
    seen: list[dict] = []

    async def reply(request: web.Request) -> web.Response:
        seen.append(await request.json())
        return web.json_response(answer)

    with answering("POST", COMPLETIONS, reply) as base_url:
        fitter = PromptFitter(base_url, DASLLAMA)
        try:
            return fitter.count_tokens(MESSAGES), seen
        finally:
            fitter.close()


def test_a_prompt_that_nobody_counts_is_tried_with_one_token() -> None:
    tokens, (asked,) = counted({"usage": {"prompt_tokens": 26, "completion_tokens": 1}})
    assert tokens == 26
    assert (asked["max_tokens"], asked["stream"]) == (1, False)
    assert "stream_options" not in asked


@pytest.mark.parametrize(
    "answer", [{}, {"usage": {}}, {"usage": {"prompt_tokens": 0}}, {"usage": 5}]
)
def test_an_answer_without_a_count_is_none(answer: object) -> None:
    with pytest.raises(WrongAnswer):
        counted(answer)
