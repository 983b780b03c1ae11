"""The noise that verdicts are tried on, and the engine that is slowed for them."""

import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import psutil
import pytest

from bench_pipeline.measures.comparison import verdict
from benchmarks.judgement import Noise, held, noise_of, simulated
from benchmarks.slowed_engine import slowed
from tests.factories import measured_run
from tests.session_factories import session_runs


def test_noise_is_that_of_the_runs() -> None:
    sessions = session_runs({"b1": 1.0, "b2": 0.5}, turns=40, start_noise=0.03, workloads=["rag"])
    plain = measured_run(workloads=["chat"], concurrencies=[1], repetitions=40)
    noise = noise_of("here", [plain, *sessions], "decode_tok_s")
    assert noise is not None
    assert len(noise.waves) == 39
    assert len(noise.starts) == 2 * 80
    assert np.std(noise.waves) == pytest.approx(0.01, rel=0.3)
    assert np.std(noise.starts) == pytest.approx(0.03, rel=0.3)
    assert np.mean(noise.starts) == pytest.approx(0)


def test_without_a_run_that_was_repeated_there_is_no_noise_to_draw_from() -> None:
    assert noise_of("here", [measured_run(repetitions=3)], "decode_tok_s") is None


def test_a_simulated_session_ends_at_the_first_turn_where_its_ratio_is_known() -> None:
    random = np.random.default_rng(1)
    silent = Noise("silent", np.zeros(3), np.zeros(3))
    ratio, turns = simulated(silent, "falling", 0.05, random)
    assert (verdict(ratio, True), turns) == ("slower", 3)
    loud = Noise("loud", random.normal(0, 0.03, 500), np.zeros(3))
    ratio, turns = simulated(loud, "steady", 0.0, random)
    assert (verdict(ratio, True), 8 < turns < 40) == ("no difference", True)


def test_the_starts_hold_the_truth_more_often_than_their_waves_which_know_too_much() -> None:
    by_starts, by_waves = held(10, 0.05, 150, np.random.default_rng(2))
    assert by_starts.share == pytest.approx(0.94, abs=0.05)
    assert by_waves.share < 0.88 < by_starts.share
    assert by_waves.width < 0.8 * by_starts.width


@pytest.mark.skipif(sys.platform != "linux", reason="stops processes by /proc and prctl")
def test_a_slowed_engine_is_stopped_for_its_share_and_otherwise_itself(tmp_path: Path) -> None:
    engine = tmp_path / "engine"
    engine.write_text('#!/bin/sh\ntrap "exit 7" TERM\necho "$1"\nwhile true; do sleep 0.01; done\n')
    engine.chmod(0o755)
    with subprocess.Popen(
        [slowed(engine, 0.5, tmp_path), "--port"], stdout=subprocess.PIPE, text=True
    ) as wrapper:
        assert wrapper.stdout is not None
        assert wrapper.stdout.readline() == "--port\n"
        running, states = psutil.Process(wrapper.pid), []
        for _ in range(400):
            states.append(running.status())
            time.sleep(0.0017)
        wrapper.terminate()
        assert wrapper.wait() == 7
    assert 0.3 < states.count(psutil.STATUS_STOPPED) / len(states) < 0.7
