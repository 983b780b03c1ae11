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
        ("load C:\\Users\\Ann Lee\\models\\a.gguf", "load a.gguf"),
        ("load /mnt/c/Users/Ann van Lee/models/a.gguf", "load a.gguf"),
        ("copy /home/ann to /srv/m/a.gguf", "copy ~ to a.gguf"),
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


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ("RPC1[10.1.2.3:50052] model buffer", "RPC1 model buffer"),
        ("RPC[node.lan:50052] KV buffer", "RPC KV buffer"),
        (
            "using device RPC0 (10.1.2.3:50052) (unknown id) - 5",
            "using device RPC0 (unknown id) - 5",
        ),
        ("connecting to 203.0.113.9:50052", "connecting to remote"),
        ("peer [fd12:3456::1]:50052 is slow", "peer remote is slow"),
        ("a host at 192.168.3.4", "a host at remote"),
        ("listening on http://127.0.0.1:8080", "listening on http://127.0.0.1:8080"),
        ("1.12.100.200 I srv  start: ready", "1.12.100.200 I srv  start: ready"),
        ("driver 580.159.04 of build 13.3.0.1", "driver 580.159.04 of build 13.3.0.1"),
    ],
)
def test_other_machines_are_not_named(line, shown):
    assert scrub(line) == shown


def test_a_machine_known_by_a_name_is_not_named_either():
    shown = scrub("failed to connect to attic:50052 via attic", (), ["attic:50052", "attic"])
    assert shown == "failed to connect to remote via remote"
    assert scrub("the attic-fan spins", (), ["attic"]) == "the attic-fan spins"
