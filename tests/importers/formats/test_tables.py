"""llama-bench's table as people copy, decorate and move it: its numbers, its build, its cards."""

import json

import pytest

from bench_pipeline.errors import RecordError
from tests.importers.results import TABLE, decode, row

BUILD = "\nbuild: 0c1d2e3f (9100)\n"
HEAD, _, ONE, OTHER = TABLE.splitlines()[:4]
LOG = "ggml_vulkan: Found 1 Vulkan devices:\n"


def means(run):
    return [(test.mean_tok_s, test.sd_tok_s) for test in run.bare_engine.tests]


@pytest.mark.parametrize(
    ("written", "figure"),
    [
        ("1,280.00 ± 12.80", (1280.0, 12.8)),
        ("1,029", (1029.0, None)),
        ("1 234.56 ± 7.89", (1234.56, 7.89)),
        ("1\N{NO-BREAK SPACE}234,56 ± 7,89", (1234.56, 7.89)),
        ("1.234,56 ± 7,89", (1234.56, 7.89)),
        ("524,39", (524.39, None)),
        ("0,123 ± 0,01", (0.123, 0.01)),
        ("12,345,678.9", (12345678.9, None)),
        ("**1280.00 ± 12.80**", (1280.0, 12.8)),
        ("`1280.00`", (1280.0, None)),
        ("1280.00 12.80", (1280.0, 12.8)),
    ],
)
def test_a_speed_is_the_number_that_was_written_in_whatever_country(bring, written, figure):
    (run,) = bring(TABLE.replace("1280.00 ± 12.80", written))
    assert means(run) == [figure, (71.25, 0.3)]


@pytest.mark.parametrize("size", ["4,45 GiB", "4.45 GiB", "9" * 400 + " GiB", "4.4.5 GiB"])
def test_a_size_in_whatever_country_is_no_obstacle(bring, size):
    (run,) = bring(TABLE.replace("4.45 GiB", size))
    assert means(run) == [(1280.0, 12.8), (71.25, 0.3)]


def bare(text):
    return "".join(f"{line.strip('| ')}\n" for line in text.splitlines())


def with_tabs(text):
    kept = [line for line in text.splitlines() if not line.startswith("| --")]
    return "".join("\t".join(map(str.strip, line.strip("|").split("|"))) + "\n" for line in kept)


@pytest.mark.parametrize(
    "written",
    [
        pytest.param(lambda text: text.replace("| llama", "\x1b[32m| llama\x1b[0m"), id="colours"),
        pytest.param(
            lambda text: "".join(
                f"2026-05-06T07:08:09.1234567Z {line}\n" for line in text.splitlines()
            ),
            id="a log of CI",
        ),
        pytest.param(
            lambda text: "".join(f"bench-1  | {line}\n" for line in text.splitlines()),
            id="docker compose",
        ),
        pytest.param(bare, id="without outer bars"),
        pytest.param(with_tabs, id="copied from a page"),
        pytest.param(lambda text: text.replace("\n", "\r\n"), id="lines of Windows"),
        pytest.param(lambda text: text.replace("| model ", "| **model** "), id="bold heads"),
        pytest.param(lambda text: text.replace(HEAD, HEAD.title()), id="large letters"),
        pytest.param(lambda text: text.replace("t/s |", "tok/s |"), id="another unit's name"),
        pytest.param(
            lambda text: text.replace("model ", "模型 ").replace("test |", "测试 |"),
            id="translated",
        ),
    ],
)
def test_a_table_is_read_from_wherever_it_was_copied(bring, done, written):
    (run,) = bring(written(TABLE))
    assert means(run) == [(1280.0, 12.8), (71.25, 0.3)]
    assert run.engine.build == "b9100" and done[-1].passed == []


def with_builds_above(*cards):
    parts = []
    for number, card in enumerate(cards):
        table = TABLE.replace(BUILD, "").replace("1280", f"13{number}0").replace("CUDA  ", "Vulkan")
        log = f"ggml_vulkan: 0 = {card} | uma: 0 | fp16: 1\nbuild: 4a5b6c7d ({9200 + number})"
        parts.append(f"```\n{LOG}{log}\n```\n{table}")
    return "".join(parts)


def test_a_build_above_its_table_is_that_table_s(bring):
    runs = bring(with_builds_above("NVIDIA T4 (NVIDIA)", "NVIDIA T4 (NVIDIA)"))
    assert [(run.engine.build, means(run)[0][0]) for run in runs] == [
        ("b9200", 1300.0),
        ("b9201", 1310.0),
    ]
    assert [gpu.name for run in runs for gpu in run.inventory.gpus] == ["NVIDIA T4"] * 2


def test_a_card_above_its_build_is_that_of_the_table_below(bring):
    with pytest.raises(RecordError, match=r"two machines, `NVIDIA T4` .* and `NVIDIA A2`"):
        bring(with_builds_above("NVIDIA T4 (NVIDIA)", "NVIDIA A2 (NVIDIA)"))


@pytest.mark.parametrize(
    ("line", "backend", "name"),
    [
        (
            "ggml_vulkan: 0 = NVIDIA RTX A4000 (NVIDIA) | uma: 0 | fp16: 1",
            "Vulkan",
            "NVIDIA RTX A4000",
        ),
        (
            "ggml_vulkan: 0 = AMD Radeon RX 7900 XT (RADV NAVI31) (radv) | uma: 0",
            "Vulkan",
            "AMD Radeon RX 7900 XT (RADV NAVI31)",
        ),
        (
            "ggml_vulkan: 0 = Intel(R) Arc(tm) A770 Graphics (DG2) (Intel driver) | uma: 0",
            "Vulkan",
            "Intel(R) Arc(tm) A770 Graphics (DG2)",
        ),
        ("ggml_metal_device_init: GPU name:   MTL0 (Apple M4 Max)", "MTL,BLAS", "Apple M4 Max"),
        ("ggml_metal_init: GPU name:   Apple M2", "Metal", "Apple M2"),
        (
            "| 0| [level_zero:gpu:0]|   Intel Arc B580 Graphics|   20.1|    160| 12168M|",
            "SYCL",
            "Intel Arc B580 Graphics",
        ),
    ],
)
def test_the_card_of_a_log_is_named_without_its_driver(bring, line, backend, name):
    (run,) = bring(f"{line}\n{TABLE.replace('CUDA', backend)}")
    assert [gpu.name for gpu in run.inventory.gpus] == [name]


def test_a_file_that_ends_within_a_sign_keeps_the_other_signs(bring, tmp_path):
    file = tmp_path / "growing.md"
    whole = f"{HEAD}\n{ONE}\n{OTHER}".encode()
    file.write_bytes(whole[: whole.rindex(b"\xc2\xb1") + 1])
    (run,) = bring(files=[file])
    assert means(run)[0] == (1280.0, 12.8)


def test_a_file_of_powershell_that_was_cut_off_is_read(bring, tmp_path):
    file = tmp_path / "growing.md"
    file.write_bytes(TABLE.encode("utf-16")[:-1])
    (run,) = bring(files=[file])
    assert means(run) == [(1280.0, 12.8), (71.25, 0.3)]


@pytest.mark.parametrize(
    "pattern", ["ffn_(up|down)_exps=CPU", "blk.(1|2|3)..*|output.*=CPU;x=CUDA0", "exps=CPU"]
)
def test_a_bar_in_a_pattern_divides_no_row(bring, done, pattern):
    table = TABLE.replace("| ngl |", "| ot | ngl |").replace("| --: |", "| --- | --: |")
    (run,) = bring(table.replace("|  99 |", f"| {pattern} |  99 |"))
    assert run.bare_engine.settings["tensor_buft_overrides"] == pattern
    assert means(run) == [(1280.0, 12.8), (71.25, 0.3)] and done[-1].passed == []
    assert run.bare_engine.memory.verdict == "spilled"


def test_a_folder_s_tables_with_tabs_are_found(bring, tmp_path):
    (tmp_path / "kept").mkdir()
    (tmp_path / "kept" / "copied.tsv").write_text(with_tabs(TABLE))
    (run,) = bring(files=[tmp_path / "kept"])
    assert means(run) == [(1280.0, 12.8), (71.25, 0.3)]


@pytest.mark.parametrize("width", [40, 57, 60, 72, 80, 93])
@pytest.mark.parametrize("kept_spaces", [True, False])
def test_a_table_that_a_terminal_broke_is_put_together(bring, done, width, kept_spaces):
    broken = [
        line[start : start + width]
        for line in TABLE.splitlines()
        for start in range(0, max(1, len(line)), width)
    ]
    text = "$ llama-bench\n" + "\n".join(line if kept_spaces else line.rstrip() for line in broken)
    (run,) = bring(text)
    assert means(run) == [(1280.0, 12.8), (71.25, 0.3)]
    assert (run.model.slug, run.engine.build) == ("llama-7b-q5_k_m", "b9100")
    assert [passed.why for passed in done[-1].passed] == ["no test: $ llama-bench"]


def test_other_forms_too_are_read_from_a_log_of_ci(bring, done):
    text = json.dumps([row(), decode()], indent=2)
    (run,) = bring("".join(f"2026-05-06T07:08:09.1234567Z {line}\n" for line in text.splitlines()))
    assert len(run.bare_engine.tests) == 2 and done[-1].passed == []
