"""In what two builds' own lines about themselves differ."""

import pytest

from bench_pipeline.paths import checkout
from bench_pipeline.records.yaml.files import read_run
from bench_pipeline.warehouse.builds.compiled import compile_difference, features
from tests.session_factories import AVX2, AVX512_AND_AMX


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("AVX = 1 | AVX2 = 1 | NEON = 0 | ", {"AVX": "1", "AVX2": "1"}),
        ("n_threads = 1 (n_threads_batch = 1) / 2 | CPU : AVX2 = 1", {"AVX2": "1"}),
        (
            "n_threads = 15 / 16 | CUDA : ARCHS = 900 | USE_GRAPHS = 1 | CPU : AVX2 = 1 | FMA = 1",
            {"CUDA ARCHS": "900", "CUDA USE_GRAPHS": "1", "AVX2": "1", "FMA": "1"},
        ),
        ("", {}),
    ],
)
def test_both_forms_of_the_line_are_read(line: str, found: dict[str, str]) -> None:
    assert features(line) == found


@pytest.mark.parametrize("place", ["shared-vm-2core/cpu", "h100-vm/cuda"])
def test_the_line_of_a_committed_run_is_read_whole(place: str) -> None:
    line = read_run(min((checkout().runs / place).glob("*.yaml"))).engine.system_info
    assert line is not None
    threads, *named = line.split("|")
    assert threads.startswith("n_threads") and len(named) > 5
    assert len(features(line)) == len(named)


def test_a_difference_names_who_has_what() -> None:
    assert compile_difference("b10068", AVX2, "b10434", AVX512_AND_AMX) == (
        "b10434 has AMX_INT8, AVX512, AVX512_BF16, AVX512_VBMI, AVX512_VNNI, AVX_VNNI;"
        " b10068 has not"
    )
    assert compile_difference("new", AVX512_AND_AMX, "old", AVX2) == (
        "new has AMX_INT8, AVX512, AVX512_BF16, AVX512_VBMI, AVX512_VNNI, AVX_VNNI; old has not"
    )
    assert (
        compile_difference(
            "b1",
            "CPU : SVE = 1 | OPENMP = 1 | CUDA : ARCHS = 890",
            "b2",
            "CPU : AVX = 1 | OPENMP = 1 | CUDA : ARCHS = 900",
        )
        == "b2 has AVX; b1 has not; b1 has SVE; b2 has not; CUDA ARCHS is 890 in b1, 900 in b2"
    )


def test_other_threads_are_no_difference_and_no_line_is_unknown() -> None:
    assert compile_difference("a", "n_threads = 1 | AVX = 1", "b", "n_threads = 8 | AVX = 1") == ""
    assert compile_difference("a", None, "b", AVX2) is None
    assert compile_difference("a", AVX2, "b", None) is None
