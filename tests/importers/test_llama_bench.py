"""llama-bench's own output becomes run files, with what it says and no more."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bench_pipeline.cli.commands import main
from bench_pipeline.errors import BenchError, ModelError, RecordError
from bench_pipeline.importers import llama_bench as imported
from bench_pipeline.importers.backends import possible_backends
from bench_pipeline.importers.llama_bench import import_llama_bench
from bench_pipeline.importers.model_names import Described
from bench_pipeline.importers.rows import Row, row_of
from bench_pipeline.records.yaml.files import read_run
from tests.importers.results import agreeing

FIXTURES = Path(__file__).parent.parent / "engines" / "llama_cpp" / "fixtures"
JSONL = FIXTURES / "llama-bench-b11434.jsonl"
RIG = "shared-vm-2core"
RTX = {
    "backends": "CUDA",
    "gpu_info": "NVIDIA GeForce RTX 4090",
    "devices": "auto",
    "n_gpu_layers": 99,
    "model_filename": "/home/jane/My Models/Qwen3-8B-Q4_K_M.gguf",
    "model_type": "qwen3 8B Q4_K - Medium",
    "model_size": 5_000_000_000,
    "model_n_params": 8_190_735_360,
    "build_commit": "9b05354aa",
    "build_number": 10543,
}
NEW = Described(released="2025-04")


@pytest.fixture
def bring(project, tmp_path):  # not the folder's: rows, not texts
    """`bring(row, row)`: imports a file of these rows; keywords change how."""

    def importing(*rows: dict, **different):
        file = tmp_path / "mine.jsonl"
        file.write_text("".join(json.dumps(row) + "\n" for row in rows))
        return import_llama_bench(file, **{"project": project, "rig": RIG} | different)

    return importing


@pytest.fixture
def gaming(bring, project):
    """The same for a rig with a card; returns the runs as they are read back."""

    def importing(*rows: dict, **different):
        done = bring(*rows, **{"rig": "gaming-desktop", "model": NEW} | different)
        return [read_run(path) for path in done.written]

    return importing


def real() -> list[dict]:
    return [json.loads(line) for line in JSONL.read_text().splitlines()]


def on_card(**values) -> dict:
    return agreeing(real()[0] | RTX, values)


def test_real_output_becomes_a_run_with_all_its_samples(project):
    done = import_llama_bench(JSONL, project=project, rig=RIG)
    (run,) = [read_run(path) for path in done.written]
    assert (run.provenance, run.status, run.backend, run.rig) == ("imported", "ok", "cpu", RIG)
    assert run.engine.build == "b11434"
    assert run.engine.commit is None, "the program says `unknown`"
    assert run.bare_engine.version_line == "build: unknown (11434)"
    assert [test.times_ms for test in run.bare_engine.tests] == [
        [ns / 1e6 for ns in row["samples_ns"]] for row in real()
    ]
    assert run.started_at == datetime(2026, 11, 22, 19, 10, 43, tzinfo=UTC)
    assert run.inventory.cpu.model == "Intel(R) Xeon(R) Processor"
    assert "n_threads 1, " in run.source.note and "flash_attn -1" in run.source.note


def test_what_the_file_does_not_say_stays_unknown(gaming):
    (run,) = gaming(on_card())
    assert (run.profile, run.harness, run.finished_at, run.power_cap_w) == (None,) * 4
    assert run.inventory.memory.total_mib is None
    assert run.inventory.os.name == imported.UNKNOWN
    assert run.model.sha256 is None and run.model.size_bytes is None
    assert run.cells == [] and run.servers == [] and run.bandwidth == []


def test_a_catalogued_model_is_known_by_its_file_s_name(bring):
    (path,) = bring(*real()).written
    model = read_run(path).model
    assert (model.slug, model.family) == ("smollm2-135m-instruct-q4_1", "SmolLM2")
    assert model.released == "2024-11"
    assert model.sha256 is None, "nobody saw the file itself"


def test_a_catalogued_model_can_be_named(bring):
    renamed = real()[0] | {"model_filename": "model.gguf"}
    (path,) = bring(renamed, model=Described("smollm2-135m-instruct-q4_1")).written
    assert read_run(path).model.slug == "smollm2-135m-instruct-q4_1"


def test_a_model_of_another_size_is_not_the_catalogued_one(bring, project):
    other = real()[0] | {"model_size": 250_000_000}
    with pytest.raises(RecordError, match="250,000,000 bytes of weights"):
        bring(other)
    assert list(project.runs.rglob("*.yaml")) == []


def test_a_model_that_the_catalogue_lacks_is_described_by_its_file_s_name(gaming):
    (run,) = gaming(on_card())
    model = run.model
    assert (model.family, model.variant, model.quant) == ("Qwen3", "8B", "Q4_K_M")
    assert (model.slug, model.released) == ("qwen3-8b-q4_k_m", "2025-04")
    assert model.parameters == 8_190_735_360
    assert model.file_name == "Qwen3-8B-Q4_K_M.gguf"


@pytest.mark.parametrize(
    ("file_name", "model_type", "expected"),
    [
        ("gemma-2-27b-it-UD-Q4_K_XL.gguf", "", ("gemma-2", "27b-it", "UD-Q4_K_XL")),
        ("Mixtral-8x7B-Instruct-v0.1.Q5_0.gguf", "", ("Mixtral", "8x7B-Instruct-v0.1", "Q5_0")),
        (r"C:\Users\jane\gpt-oss-20b-mxfp4.gguf", "", ("gpt-oss", "20b", "MXFP4")),
        ("Big-70B-Q8_0-00001-of-00003.gguf", "", ("Big", "70B", "Q8_0")),
        ("ggml-model.gguf", "llama 7B Q4_K - Small", ("ggml-model", "7B", "Q4_K_S")),
        ("ggml-model.gguf", "llama 7B all F32", ("ggml-model", "7B", "F32")),
        ("ggml-model.gguf", "", ("ggml-model", "unnamed", "unnamed")),
    ],
)
def test_family_variant_and_quant_come_from_the_name_or_the_engine_s_words(
    file_name, model_type, expected, gaming
):
    (run,) = gaming(on_card(model_filename=file_name, model_type=model_type))
    assert (run.model.family, run.model.variant, run.model.quant) == expected
    assert "jane" not in run.model_dump_json()


def test_the_one_who_imports_may_say_it_better(gaming):
    (run,) = gaming(on_card(), model=Described(None, "2025-04", "Qwen 3", "8B-instruct"))
    assert (run.model.family, run.model.variant) == ("Qwen 3", "8B-instruct")


def test_without_its_month_a_new_model_is_refused(gaming):
    with pytest.raises(ModelError, match="does not tell when the model was released") as caught:
        gaming(on_card(), model=None)
    assert "--released YYYY-MM" in caught.value.mend


def test_each_model_build_backend_and_setting_is_a_run_of_its_own(gaming):
    runs = gaming(
        on_card(),
        on_card(n_prompt=512),
        on_card(flash_attn=1),
        on_card(build_number=10544),
        on_card(backends="Vulkan"),
    )
    assert [len(run.bare_engine.tests) for run in runs] == [2, 1, 1, 1]
    assert len({run.run_id for run in runs}) == 4


def test_two_models_in_one_file_are_two_runs(bring):
    other = {"model_filename": "gemma-3-270m-q4_k_m.gguf", "model_size": 250_000_000}
    done = bring(real()[0], real()[0] | other)
    slugs = [read_run(path).model.slug for path in done.written]
    assert slugs == ["smollm2-135m-instruct-q4_1", "gemma-3-270m-q4_k_m"]
    with pytest.raises(RecordError, match="results of 2 models"):
        bring(real()[0], real()[0] | other, model=Described("gemma-3-270m-q4_k_m"))


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({}, "cuda"),
        ({"backends": "CUDA,RPC,BLAS"}, "cuda"),
        ({"backends": "CUDA,Vulkan", "devices": "Vulkan0"}, "vulkan"),
        ({"backends": "Vulkan"}, "vulkan"),
    ],
)
def test_the_backend_is_the_one_that_computed(values, expected, gaming):
    (run,) = gaming(on_card(**values))
    assert run.backend == expected


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"devices": "none"}, ["cpu"]),
        ({"backends": "CPU"}, ["cpu"]),
        ({"backends": "BLAS", "n_gpu_layers": -1}, ["cpu"]),
        ({"backends": "BLAS,MTL"}, ["metal"]),
        ({"backends": "BLAS,Metal"}, ["metal"]),
        ({"backends": "ROCm", "devices": "ROCm0/ROCm1"}, ["rocm"]),
        ({"backends": "SYCL"}, ["sycl"]),
        ({"backends": "CUDA,Vulkan"}, ["cuda", "vulkan"]),
        ({"backends": None, "cuda": True, "blas": True}, ["cuda"]),
        ({"backends": None, "metal": False, "blas": True}, ["cpu"]),
    ],
)
def test_every_backend_of_llama_cpp_has_its_place(values, expected):
    row = row_of(on_card(**values))
    assert isinstance(row, Row)
    assert possible_backends(row) == expected


@pytest.mark.parametrize(
    ("values", "options", "problem", "mend"),
    [
        ({"backends": "CUDA,Vulkan"}, {}, "does not tell on which", "--backend"),
        ({}, {"backend": "vulkan"}, "measured on cuda, not on vulkan", "leave"),
        ({"n_gpu_layers": 0}, {}, "neither a CPU's figure nor a GPU's", "-dev none"),
        ({"backends": "OpenCL"}, {}, "with OpenCL, for which run files have no", "untrue"),
        ({"rpc_servers": "10.0.0.1:50052"}, {}, "several machines", "measure on one"),
        ({"devices": "none"}, {}, "declares no backend `cpu`", "add `cpu: {}`"),
        ({}, {"rig": "no-such-rig"}, "no rig `no-such-rig`", "gaming-desktop"),
        ({}, {"model": Described("gpt-9")}, "no model `gpt-9`", "smollm2-135m"),
        ({}, {"model": Described(released="spring")}, "`spring` is no month", "YYYY-MM"),
        ({}, {"source_url": "javascript:alert(1)"}, "is no web address", "https://"),
    ],
)
def test_what_a_run_could_not_say_honestly_is_refused(
    values, options, problem, mend, gaming, project
):
    with pytest.raises(BenchError) as caught:
        gaming(on_card(**values), **options)
    assert problem in caught.value.problem and mend in caught.value.mend
    assert len(str(caught.value).splitlines()) == 2
    assert list(project.runs.rglob("*.yaml")) == []


def test_a_file_that_leaves_it_open_is_settled_by_option(gaming):
    (run,) = gaming(on_card(backends="CUDA,Vulkan"), backend="vulkan")
    assert run.backend == "vulkan"


def test_prefill_and_decoding_together_are_kept_under_that_name(gaming):
    (run,) = gaming(on_card(), on_card(n_gen=8))
    assert [(t.prompt_tokens, t.output_tokens) for t in run.bare_engine.tests] == [(32, 0), (32, 8)]


def test_a_mean_of_both_kinds_of_tokens_is_not_held_against_the_samples(gaming):
    (run,) = gaming(on_card(n_gen=8, avg_ts=300.0))
    assert [(t.prompt_tokens, t.output_tokens) for t in run.bare_engine.tests] == [(32, 8)]


def test_a_test_made_twice_has_the_repetitions_of_both(gaming):
    (run,) = gaming(on_card(), on_card(samples_ns=[5_000_000]))
    assert [len(test.times_ms) for test in run.bare_engine.tests] == [4]


def test_the_cards_that_computed_are_named(gaming):
    pair = "NVIDIA GeForce RTX 4090, Intel(R) Arc(tm) A770"
    on_both = on_card(gpu_info=pair, backends="Vulkan")
    (run,) = gaming(on_both | {"devices": "Vulkan0"})
    assert [(gpu.index, gpu.vendor) for gpu in run.inventory.gpus] == [(0, "nvidia")]
    (both,) = gaming(on_both)
    assert [gpu.vendor for gpu in both.inventory.gpus] == ["nvidia", "intel"]
    assert both.inventory.as_printed["gpu_info"] == pair


def test_importing_twice_is_refused_and_names_the_run(bring, project, tmp_path):
    (path,) = bring(*real()).written
    before = path.read_bytes()
    with pytest.raises(RecordError) as caught:
        bring(*real())
    assert str(path.relative_to(project.root)) in caught.value.problem
    as_list = tmp_path / "mine.json"
    as_list.write_text(json.dumps(real()[::-1], indent=2))
    with pytest.raises(RecordError, match="was imported before"):
        import_llama_bench(as_list, project=project, rig=RIG)
    assert path.read_bytes() == before


def test_of_a_file_that_grew_only_new_runs_are_written(gaming, bring, project):
    (first,) = gaming(on_card())
    done = bring(on_card(), on_card(n_ubatch=1024), rig="gaming-desktop", model=NEW)
    assert [read_run(path) for path in done.known] == [first]
    assert len(done.written) == 1


HOSTILE = [
    "</script><script>alert(1)</script>",
    "a\x1b[2Jb\r\nc: d\n...\n",
    "'; drop table runs; --",
    "x" * 10_000,
    "\N{RIGHT-TO-LEFT OVERRIDE}gnp.exe \N{LINE SEPARATOR} \uffff",
    "/home/jane/secret/file",
]


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_strings_end_as_one_plain_line(text, gaming):
    keys = ("build_commit", "cpu_info", "gpu_info", "model_type", "cpu_mask", "tensor_split")
    (run,) = gaming(
        on_card(**dict.fromkeys(keys, text), **{text: text}, model_filename=f"m-7B-{text}.gguf"),
        source_title=text,
    )
    words = [run.source.title, run.source.note, run.inventory.cpu.model, run.engine.build]
    words += [run.model.family, run.model.variant, run.model.quant, run.bare_engine.version_line]
    words += [gpu.name for gpu in run.inventory.gpus] + list(run.inventory.as_printed.values())
    assert all(word.isprintable() and len(word) <= 1500 for word in words)
    assert "jane" not in run.model_dump_json()
    assert run.engine.build == "b10543"


@pytest.mark.parametrize("key", ["cpu_info", "cpu_mask", "model_filename"])
def test_half_a_character_pair_is_no_reason_to_crash(key, gaming):
    try:
        (run,) = gaming(on_card(**{key: "m\ud800-7B"}))
    except RecordError as error:
        assert key in error.problem
    else:
        run.model_dump_json()


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_files_that_windows_writes_are_read(encoding, project, tmp_path):
    file = tmp_path / "windows.jsonl"
    file.write_bytes(JSONL.read_text().replace("\n", "\r\n").encode(encoding))
    assert len(import_llama_bench(file, project=project, rig=RIG).written) == 1


def test_what_is_no_text_or_no_file_is_refused(project, tmp_path):
    binary = tmp_path / "model.gguf"
    binary.write_bytes(b"GGUF\x03\x00\x00\x00\xff\xfe\xfd")
    for file, problem in ((binary, "is no text"), (tmp_path / "absent", "No such file")):
        with pytest.raises(RecordError, match=problem):
            import_llama_bench(file, project=project, rig=RIG)


def test_the_command_writes_the_run_and_says_where(project, monkeypatch, capsys):
    monkeypatch.setattr("bench_pipeline.cli.commands.checkout", lambda: project)
    options = ["import", str(JSONL), "--rig", RIG, "--source-title", "Jane's box"]
    assert main(options) == 0
    told = capsys.readouterr().out.strip()
    run = read_run(project.root / told)
    assert (run.source.title, run.source.url) == ("Jane's box", "")
    assert main(options) == 1
    assert capsys.readouterr().err.startswith(f"error: {JSONL}: was imported before: {told}")
