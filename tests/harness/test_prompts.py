"""Prompts meet their token budget as the server counts it."""

from bench_pipeline.harness.prompts import NONCE_DIGITS, nonces


def test_no_nonce_comes_twice_and_all_are_equally_long():
    source = nonces(seed=7)
    drawn = [next(source) for _ in range(2000)]
    assert len(set(drawn)) == len(drawn)
    assert {len(nonce) for nonce in drawn} == {NONCE_DIGITS}
