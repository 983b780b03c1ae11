"""Which devices share a model, by llama-server's command."""

import pytest

from bench_pipeline.records.server import devices_of_command


@pytest.mark.parametrize(
    ("options", "devices"),
    [
        ("--device CUDA0,CUDA1", ["CUDA0", "CUDA1"]),
        ("--device CUDA0,CUDA1 --split-mode layer --main-gpu 1", ["CUDA0", "CUDA1"]),
        ("--device CUDA2,CUDA5 --split-mode none --main-gpu 1", ["CUDA5"]),
        ("--device CUDA2,CUDA5 --split-mode none", ["CUDA2"]),
        ("--device CUDA0,CUDA1 --split-mode layer -sm none -mg 1", ["CUDA1"]),
        ("--device CUDA3 --split-mode none --main-gpu 3", ["CUDA3"]),
        ("--device CUDA0,CUDA1 --split-mode none --main-gpu 4", []),
        ("--device none", []),
        ("--threads 4", []),
    ],
)
def test_the_last_word_of_an_option_counts(options, devices):
    assert devices_of_command(["llama-server", *options.split()]) == devices
