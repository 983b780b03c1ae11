"""The bare engine beside the server: set alike, kept as far as it came, never left behind."""

import dataclasses
import json
import os
import pickle
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from bench_pipeline.engines.llama_cpp import llama_bench
from bench_pipeline.engines.llama_cpp.installed import InstalledEngine, digest, read_version
from bench_pipeline.engines.llama_cpp.llama_bench import (
    CannotBeAlikeError,
    bench_settings,
    run_llama_bench,
)
from bench_pipeline.engines.llama_cpp.server import LlamaServer
from bench_pipeline.paths import artefact_cache
from bench_pipeline.progress import Silent
from bench_pipeline.records.inventory import EngineDevice
from bench_pipeline.records.rig import BackendSetup
from tests.engines.conftest import is_gone, shell_script
from tests.waiting import PATIENCE_S, clock_until, wait_until

JSONL = Path(__file__).parent / "fixtures" / "llama-bench-b11434.jsonl"
BUILT = [
    path
    for path in sorted((artefact_cache() / "engines").glob("[!.]*/[!.]*/**/llama-bench"))
    if path.is_file() and os.access(path, os.X_OK) and path.with_name("llama-server").is_file()
]


@pytest.fixture
def bare(tmp_path):
    """`bare(script)`: what a llama-bench that is this shell script gives; keywords change it."""

    def run(script: str | None, **different):
        folder = tmp_path / "private build"
        folder.mkdir(exist_ok=True)
        if script is not None:
            shell_script(folder / "llama-bench", script)
        arguments = {
            "backend": "cpu",
            "setup": BackendSetup(),
            "threads": 1,
            "devices": [],
            "depths": [32, 128],
            "output_tokens": 8,
            "repetitions": 3,
            "timeout_s": 60,
            "reporter": Silent(),
        } | different
        engine = arguments.pop("engine", stand_in(folder))
        return run_llama_bench(engine, tmp_path / "private models" / "x.gguf", **arguments)

    return run


def stand_in(folder: Path) -> InstalledEngine:
    return InstalledEngine(
        build="b11434",
        commit=None,
        channel="path",
        binary=folder / "llama-server",
        library_dir=folder,
        version_line="version: 11434 (unknown)",
        binary_sha256="0" * 64,
        devices=[],
    )


def test_there_is_none_where_no_llama_bench_lies_beside_the_server(bare):
    assert bare(None) is None


def test_prefill_and_decoding_are_asked_for_apart_and_named_without_folders(bare, tmp_path):
    told = tmp_path / "told"
    result = bare(f'printf "%s\\n" "$@" >> {told}; echo . >> {told}')
    prefill, decoding = told.read_text().replace("\n", " ").split(" . ")[:2]
    assert prefill.endswith("-r 3 -o jsonl -p 32,128 -n 0")
    assert decoding.removesuffix(" .").endswith("-r 3 -o jsonl -p 0 -n 8 -d 32,128")
    assert result.argv.count(";") == 1
    assert result.argv[:3] == ["llama-bench", "-m", "x.gguf"]
    assert str(tmp_path) not in " ".join(result.argv)


def test_nothing_is_read_where_no_context_is(bare):
    assert bare("exit 0", depths=[0]).argv[-6:] == ["-p", "0", "-n", "8", "-d", "0"]


def test_its_output_becomes_tests(bare):
    result = bare(f'case "$*" in *"-n 0") grep \'"n_gen": 0\' {JSONL};; esac')
    assert result.failure is None
    assert result.version_line == "build: unknown (11434)"
    assert [(t.prompt_tokens, t.depth_tokens, len(t.times_ms)) for t in result.tests] == [
        (32, 0, 3),
        (128, 0, 3),
    ]


class TestSettings:
    """As the server is started, so is llama-bench."""

    @pytest.mark.parametrize(
        ("backend", "setup"),
        [
            ("cpu", BackendSetup()),
            ("cpu", BackendSetup(gpu_layers=3)),
            ("cuda", BackendSetup(device="CUDA0", split_mode="none", main_gpu=0)),
            ("cuda", BackendSetup(device="CUDA0,CUDA1", split_mode="layer")),
            ("cuda", BackendSetup(device="CUDA1", gpu_layers=16)),
        ],
    )
    def test_placement_is_the_server_s(self, backend, setup, tmp_path):
        devices = [EngineDevice(id=name, name="a card") for name in ("CUDA0", "CUDA1")]
        engine = dataclasses.replace(stand_in(tmp_path), devices=devices)
        server = LlamaServer(
            engine,
            model=tmp_path / "x.gguf",
            backend=backend,
            setup=setup,
            threads=5,
            slots=1,
            context_tokens_per_slot=256,
            log_path=tmp_path / "log",
        )
        command = server._command(1)
        here = pairs(
            bench_settings(backend=backend, setup=setup, threads=5, devices=server.devices)
        )
        for option, same in {
            "--threads": "-t",
            "--gpu-layers": "-ngl",
            "--device": "-dev",
            "--split-mode": "-sm",
            "--main-gpu": "-mg",
        }.items():
            expected = command[command.index(option) + 1] if option in command else None
            assert here.get(same) == (expected and expected.replace(",", "/"))

    @pytest.mark.parametrize(
        ("arguments", "expected"),
        [
            ([], {"-fa": "auto"}),
            (["-fa", "off"], {"-fa": "off"}),
            (["--ubatch-size", "1024"], {"-fa": "auto", "-ub": "1024"}),
            (["-ctk", "q8_0", "-ctv", "q8_0"], {"-ctk": "q8_0", "-ctv": "q8_0"}),
            (["-ts", "3,1"], {"-ts": "3/1"}),
            (["-ot", "exps=CPU,attn=CUDA0"], {"-ot": "exps=CPU;attn=CUDA0"}),
            (["--no-kv-offload", "-b", "512"], {"-nkvo": "1", "-b": "512"}),
            (["--jinja", "--log-file", "x", "-b", "512"], {"-b": "512"}),
        ],
    )
    def test_what_the_rig_file_adds_is_translated(self, arguments, expected):
        setup = BackendSetup(args=arguments)
        here = pairs(bench_settings(backend="cpu", setup=setup, threads=1, devices=[]))
        assert expected.items() <= here.items()

    @pytest.mark.parametrize(
        "setup",
        [
            BackendSetup(args=["--warp-speed"]),
            BackendSetup(args=["-b", "512,1024"]),
            BackendSetup(args=["--threads", "7"]),
            BackendSetup(args=["-b"]),
            BackendSetup(env={"LLAMA_ARG_BATCH": "512"}),
        ],
    )
    def test_what_it_has_no_word_for_is_refused_not_ignored(self, setup, bare):
        with pytest.raises(CannotBeAlikeError):
            bench_settings(backend="cpu", setup=setup, threads=1, devices=[])
        result = bare("exit 3", setup=setup)
        assert result.failure.kind == "refused"
        assert result.tests == []


def pairs(settings: list[str]) -> dict[str, str]:
    return dict(zip(settings[::2], settings[1::2], strict=True))


class TestFailures:
    def test_what_was_measured_before_a_crash_is_kept(self, bare):
        result = bare(
            f"head -n 1 {JSONL}; sed -n 2p {JSONL} | head -c 99; echo broken >&2; kill -9 $$"
        )
        assert result.failure.kind == "crash"
        assert "SIGKILL" in result.failure.message
        assert result.failure.log_tail == ["broken"]
        assert {test.prompt_tokens for test in result.tests} == {32}

    def test_what_was_measured_before_the_time_was_up_is_kept(self, bare, tmp_path, monkeypatch):
        measured = tmp_path / "measured"
        monkeypatch.setattr(llama_bench, "time", clock_until(measured))
        result = bare(f"head -n 1 {JSONL}; touch {measured}; exec sleep 600", timeout_s=PATIENCE_S)
        assert result.failure.kind == "timeout"
        assert f"within {PATIENCE_S} s" in result.failure.message
        assert [test.prompt_tokens for test in result.tests] == [32]

    def test_too_little_memory_is_called_oom_and_the_rest_is_tried(self, bare):
        complaint = "ggml_backend_cuda_buffer_type_alloc_buffer: cudaMalloc failed: out of memory"
        result = bare(
            f'case "$*" in *"-n 0") echo "{complaint}" >&2; exit 1;; esac; tail -n 1 {JSONL}'
        )
        assert result.failure.kind == "oom"
        assert [test.output_tokens for test in result.tests] == [8]

    def test_an_option_that_the_build_lacks_is_named(self, bare):
        result = bare('echo "error: invalid parameter for argument: -fa" >&2; echo usage; exit 1')
        assert result.failure.kind == "load"
        assert "invalid parameter for argument: -fa" in result.failure.message

    def test_an_illegal_instruction_is_called_so(self, bare):
        result = bare("kill -ILL $$")
        assert result.failure.kind == "crash"
        assert "illegal instruction" in result.failure.message

    def test_a_program_that_may_not_be_executed_is_a_failure(self, bare, tmp_path):
        bare("exit 0")
        (tmp_path / "private build" / "llama-bench").chmod(0o644)
        failure = bare(None).failure
        assert failure.kind in ("crash", "load")
        assert str(tmp_path) not in failure.model_dump_json()

    def test_the_log_names_no_folder(self, bare, tmp_path):
        result = bare('echo "error: no such file: $2" >&2; exit 1')
        assert "x.gguf" in result.failure.message
        assert str(tmp_path) not in result.failure.model_dump_json()

    @pytest.mark.parametrize(
        ("engine", "said"),
        [
            ({"build": "b10434"}, {}),
            ({"commit": "7e4c0a9"}, {"build_commit": "3ce7da2ab"}),
        ],
    )
    def test_another_build_is_no_measure_of_this_one(self, engine, said, bare, tmp_path):
        row = json.loads(JSONL.read_text().splitlines()[0]) | said
        (tmp_path / "row").write_text(json.dumps(row) + "\n")
        other = dataclasses.replace(stand_in(tmp_path / "private build"), **engine)
        result = bare(f"cat {tmp_path}/row", engine=other)
        assert result.failure.kind == "refused"
        assert result.tests == []

    def test_the_same_commit_in_more_digits_is_the_same_build(self, bare, tmp_path):
        row = json.loads(JSONL.read_text().splitlines()[0]) | {"build_commit": "7e4c0a9"}
        (tmp_path / "row").write_text(json.dumps(row) + "\n")
        same = dataclasses.replace(
            stand_in(tmp_path / "private build"), commit="7e4c0a9d28bb", build="mine"
        )
        assert bare(f"cat {tmp_path}/row", engine=same).failure is None


OWNER = """
import pickle, sys
from pathlib import Path
from bench_pipeline.engines.llama_cpp.llama_bench import run_llama_bench
from bench_pipeline.progress import Silent
engine, model, arguments = pickle.loads(Path(sys.argv[1]).read_bytes())
run_llama_bench(engine, model, reporter=Silent(), **arguments)
"""


@pytest.mark.parametrize("way", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_however_the_benchmark_ends_no_llama_bench_is_left(way, tmp_path):
    pid_file = tmp_path / "pid"
    shell_script(tmp_path / "llama-bench", f"echo $$ > {pid_file}; exec sleep 600")
    arguments = {
        "backend": "cpu",
        "setup": BackendSetup(),
        "threads": 1,
        "devices": [],
        "depths": [32],
        "output_tokens": 8,
        "repetitions": 3,
        "timeout_s": 3600,
    }
    pickled = tmp_path / "arguments"
    pickled.write_bytes(pickle.dumps((stand_in(tmp_path), tmp_path / "x.gguf", arguments)))
    owner = subprocess.Popen(
        [sys.executable, "-c", OWNER, str(pickled)],
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    wait_until(lambda: pid_file.exists() and pid_file.read_text().strip(), "llama-bench")
    pid = int(pid_file.read_text())
    os.kill(owner.pid, way)
    owner.wait(PATIENCE_S)
    wait_until(lambda: is_gone(pid), "its end")


@pytest.fixture(params=BUILT or [None], ids=lambda path: path.parent.name if path else "none")
def built(request) -> InstalledEngine:
    """A real build in the artefact cache. The wheels carry no llama-bench, and no package that
    could be installed here does: such a build comes from a release archive or from source."""
    if request.param is None:
        pytest.skip("no llama-bench in the artefact cache: put a build with one there")
    folder = request.param.parent
    binary = folder / "llama-server"
    line = read_version(binary, {}, "the artefact cache")
    build = f"b{line.split('build ')[1].split(',')[0]}" if "build " in line else "local"
    return InstalledEngine(build, None, "path", binary, folder, line, digest(binary), [])


class TestReal:
    def test_every_asked_test_is_measured(self, built, small_model):
        result = run_llama_bench(
            built,
            small_model[1],
            backend="cpu",
            setup=BackendSetup(args=["--ubatch-size", "256"]),
            threads=1,
            devices=[],
            depths=[0, 32],
            output_tokens=4,
            repetitions=2,
            timeout_s=300,
            reporter=Silent(),
        )
        assert result.failure is None
        shapes = [(t.prompt_tokens, t.output_tokens, t.depth_tokens) for t in result.tests]
        assert shapes == [(32, 0, 0), (0, 4, 0), (0, 4, 32)]
        assert all(len(test.times_ms) == 2 for test in result.tests)
        assert str(small_model[1].parent) not in result.model_dump_json()

    def test_a_file_that_is_no_model_is_a_failure_with_the_engine_s_reason(self, built, tmp_path):
        notes = tmp_path / "notes.gguf"
        notes.write_text("not a model")
        result = run_llama_bench(
            built,
            notes,
            backend="cpu",
            setup=BackendSetup(),
            threads=1,
            devices=[],
            depths=[32],
            output_tokens=4,
            repetitions=2,
            timeout_s=300,
            reporter=Silent(),
        )
        assert result.failure.kind == "load"
        assert "failed to load model" in " ".join(result.failure.log_tail)
        assert str(tmp_path) not in result.model_dump_json()
