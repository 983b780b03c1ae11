"""Prompts meet their token budget exactly, as the server counts it."""

import pytest

from bench_pipeline.engines.llama_cpp.server import LlamaServer
from bench_pipeline.harness.client.prompts import NONCE_DIGITS, PromptFitter, nonces
from bench_pipeline.paths import checkout
from bench_pipeline.records.rig import BackendSetup
from bench_pipeline.records.yaml.files import read_workloads

WORKLOADS = read_workloads(checkout().workloads)


def test_no_nonce_comes_twice_and_all_are_equally_long():
    source = nonces(seed=7)
    drawn = [next(source) for _ in range(2000)]
    assert len(set(drawn)) == len(drawn)
    assert {len(nonce) for nonce in drawn} == {NONCE_DIGITS}


@pytest.fixture(scope="module")
def fitter(engine, small_model, tmp_path_factory):
    with LlamaServer(
        engine,
        model=small_model[1],
        backend="cpu",
        setup=BackendSetup(),
        threads=1,
        slots=1,
        context_tokens_per_slot=256,
        log_path=tmp_path_factory.mktemp("prompts") / "server.log",
    ) as server:
        fitter = PromptFitter(server.base_url)
        yield fitter
        fitter.close()


@pytest.mark.parametrize("slug", WORKLOADS)
def test_every_workload_fits_its_budget_to_the_token_with_any_nonce(fitter, slug: str):
    workload = WORKLOADS[slug]
    prompt = fitter.fit(workload)
    for nonce in ("00000000", "12345678", "90909090"):
        assert fitter.count_tokens(prompt.with_nonce(nonce)) == workload.prompt_tokens


def test_a_body_too_short_for_its_budget_is_repeated(fitter):
    workload = WORKLOADS["chat"].model_copy(update={"prompt_tokens": 200})
    prompt = fitter.fit(workload)
    assert fitter.count_tokens(prompt.with_nonce("12345678")) == 200
    assert prompt.with_nonce("1")[1]["content"].count("bread") > 1


def test_a_budget_below_the_template_s_own_tokens_leaves_one_word(fitter):
    workload = WORKLOADS["chat"].model_copy(update={"prompt_tokens": 16})
    user = fitter.fit(workload).with_nonce("12345678")[1]["content"]
    assert user == "Why"
