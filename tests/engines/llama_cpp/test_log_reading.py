"""What of a log may be published, and which of its lines is the cause of a failure."""

from pathlib import Path

import pytest

from bench_pipeline.engines.llama_cpp.log_reading import decisive_line, scrub


@pytest.mark.parametrize(
    ("line", "published"),
    [
        ("loading model '/home/me/my models/a.gguf'", "loading model 'a.gguf'"),
        ("loading model '/srv/m/a.gguf' now", "loading model 'a.gguf' now"),
        ("see https://example.org/a/b/c", "see https://example.org/a/b/c"),
        ("12/31 layers, 5 t/s, ./ggml/src/x.c", "12/31 layers, 5 t/s, ./ggml/src/x.c"),
        ("--log-file=/var/log/x.log", "--log-file=x.log"),
    ],
)
def test_folders_go_and_the_rest_stays(line, published):
    assert scrub(line, [Path("/home/me/my models")]) == published


def test_the_first_error_is_the_cause_unless_memory_ran_out():
    log = [
        "0.0.0.1 I srv  all is well",
        "0.0.0.2 E load: tensor is odd",
        "0.0.0.3 E srv  exiting due to model loading error",
    ]
    assert decisive_line(log) == "load: tensor is odd"
    assert decisive_line([*log, "ggml: cudaMalloc failed: out of memory"]) == (
        "ggml: cudaMalloc failed: out of memory"
    )
    assert decisive_line(log[:1]) is None
