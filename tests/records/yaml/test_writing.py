"""What is written can be read back as it was, and nothing half-written is ever left."""

import random
import string
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import yaml

from bench_pipeline.errors import RecordError
from bench_pipeline.records.base import Record
from bench_pipeline.records.campaign import Campaign
from bench_pipeline.records.cell import Failure
from bench_pipeline.records.engines import EngineCatalogue
from bench_pipeline.records.model import ModelFile, ModelHead
from bench_pipeline.records.rig import BackendSetup, Rig
from bench_pipeline.records.run import SEAL, Run
from bench_pipeline.records.workload import Workload
from bench_pipeline.records.yaml.files import (
    dump_record,
    parse_record,
    read_run,
    run_files,
    write_atomically,
    write_run,
)
from bench_pipeline.records.yaml.strict import dump_yaml, parse_yaml
from tests.factories import failed_cell, measured_run
from tests.forking import forked
from tests.full_disk import on_full_disk, ways
from tests.records.yaml.writers import writes_often

HOSTILE = [
    # YAML 1.1 and 1.2 disagree about these, or read them as something that is not text
    *("on", "off", "yes", "no", "y", "n", "true", "null", "Null", "~", "", "=", "<<", "..."),
    *("1e3", "1.0e+3", "0777", "0o777", "0x1F", "0b11", "1_000", "12:30:45", "-.inf", ".nan"),
    *("2026-11-22", "2026-11-22T15:45:00Z", "1.", "+1", "b10434", "7e40", "9" * 80),
    # characters that mean something at some place of a YAML file
    *("- a", "# no comment", "a # b", "a: b", "a:", ":a", "{a", "[a", "a]", "*a", "&a", "!a"),
    *("%TAG", "@a", "`a`", "'", '"', "'a'", '"a"', "|", ">", "?", "? a", "--- a", "---", "\\"),
    # white space
    *(
        " ",
        "  a",
        "a  ",
        "a\n",
        "\na",
        "a\n\nb",
        "a\n b\n",
        "\ta",
        "a\tb",
        "\r",
        "a\r\nb",
        "\n\n\n",
    ),
    # markup, escapes, scripts, directions
    "<script>alert(1)</script>",
    "</td><!--",
    "{{ 7*7 }} {% x %} ${x}",
    "\x00\x01\x07\x1b[31m\x7f\x85\x9f",
    "\u2028\u2029\ufeff\ufffe\uffff",
    "\u202eevil\u202c \u200f",
    "Ünïcødé 日本語 العربية עברית",
    "🦙👩‍👩‍👧‍👦 e\u0301 \U0010ffff",
    "word " * 200,
    "x" * 5000,
]


@pytest.mark.parametrize("text", HOSTILE, ids=ascii)
def test_any_text_survives_the_round_trip(run: Run, text: str) -> None:
    failure = Failure(kind="crash", message=text, log_tail=[text, text])
    engine = run.engine.model_copy(update={"env": {text: text}, "version_line": text})
    model = run.model.model_copy(update={"licence": text, "source": text, "file_name": text})
    changes = {"status": "failed", "failure": failure, "engine": engine, "model": model}
    changed = run.model_copy(update=changes | {"cells": run.cells[:1]})
    assert read_run(Path(changed.relative_path), dump_record(changed).encode()) == changed


@pytest.mark.parametrize("text", HOSTILE, ids=ascii)
def test_hand_written_records_survive_too(text: str) -> None:
    rig = Rig(
        slug="box",
        title=text[:120] or "box",
        notes=text,
        backends={"cpu": BackendSetup(build=text, args=[text], env={text: text})},
    )
    assert parse_record(Rig, dump_record(rig).encode(), Path("box.yaml")) == rig


def test_names_that_yaml_would_misread_keep_their_spelling(run: Run) -> None:
    model = run.model.model_copy(update={"variant": "on", "quant": "1e3", "creator": "null"})
    engine = run.engine.model_copy(update={"build": "0777"})
    text = dump_record(run.model_copy(update={"model": model, "engine": engine}))
    found = yaml.safe_load(text)
    assert found["model"]["variant"] == "on"
    assert found["model"]["quant"] == "1e3"
    assert found["model"]["creator"] == "null"
    assert found["engine"]["build"] == "0777"


def test_half_a_character_pair_is_replaced_not_fatal(run: Run, tmp_path: Path) -> None:
    server = run.servers[0].model_copy(update={"log_proof": ["cut \ud83e"]})
    servers = [server, *run.servers[1:]]
    path = write_run(run.model_copy(update={"servers": servers}), tmp_path)
    assert read_run(path).servers[0].log_proof == ["cut \N{REPLACEMENT CHARACTER}"]


def anything(dice: random.Random, depth: int = 0) -> Any:
    """Some JSON value; text of all planes, numbers of all sizes."""
    kind = dice.randrange(7 if depth < 4 else 5)
    if kind == 0:
        return dice.choice([True, False, None])
    if kind == 1:
        return dice.randrange(-(2**63), 2**63) >> dice.randrange(64)
    if kind == 2:
        return dice.uniform(-1, 1) * 10 ** dice.randrange(-300, 300)
    if kind == 3:
        return "".join(dice.choices(string.printable, k=dice.randrange(60)))
    if kind == 4:
        planes = [range(0x20, 0x250), range(0x590, 0x700), range(0x1F300, 0x1F700)]
        return "".join(chr(dice.choice(dice.choice(planes))) for _ in range(dice.randrange(40)))
    size = dice.randrange(5)
    if kind == 5:
        return [anything(dice, depth + 1) for _ in range(size)]
    return {
        f"{dice.random()}"[: dice.randrange(3, 9)]: anything(dice, depth + 1) for _ in range(size)
    }


@pytest.mark.parametrize("seed", range(40))
def test_random_documents_survive_the_round_trip(seed: int) -> None:
    dice = random.Random(seed)
    for _ in range(10):
        document = {"top": anything(dice), "more": anything(dice)}
        assert parse_yaml(dump_yaml(document).encode(), Path("x")) == document


@pytest.mark.parametrize("seed", range(5))
def test_random_runs_survive_the_round_trip(seed: int) -> None:
    dice = random.Random(seed)
    run = measured_run(
        backend=dice.choice(["cpu", "cuda", "vulkan"]),
        workloads=dice.sample(["chat", "rag", "codegen", "agent"], k=dice.randrange(1, 5)),
        repetitions=dice.randrange(1, 4),
        memory_verdict=dice.choice(["fits", "spilled", "unverified"]),
        seed=seed,
    )
    run = run.model_copy(update={"cells": [*run.cells, failed_cell("sweep", 64, "oom")]})
    assert read_run(Path(run.relative_path), dump_record(run).encode()) == run


def test_a_run_is_written_to_its_place_and_read_back(run: Run, tmp_path: Path) -> None:
    path = write_run(run, tmp_path)
    assert path == tmp_path / run.relative_path
    assert list(run_files(tmp_path)) == [path]
    assert read_run(path) == run
    assert path.read_bytes().endswith(b"\n...\n")
    assert path.stat().st_mode & 0o777 == 0o644
    assert [p.name for p in path.parent.iterdir()] == [path.name]


def test_keys_stand_in_the_order_of_the_schema_and_none_is_left_out(run: Run) -> None:
    found = yaml.safe_load(dump_record(run))
    expected = [name for name in Run.model_fields if getattr(run, name) is not None]
    assert list(found) == [expected[0], SEAL, *expected[1:]]
    assert "None" not in dump_record(run) and "null" not in dump_record(run)


def test_a_run_is_never_overwritten(run: Run, tmp_path: Path) -> None:
    path = write_run(run, tmp_path)
    before = path.read_bytes()
    changed = run.model_copy(update={"power_cap_w": 100.0})
    with pytest.raises(RecordError, match="immutable") as caught:
        write_run(changed, tmp_path)
    assert caught.value.where == path
    assert path.read_bytes() == before


def test_a_run_that_could_not_be_read_back_is_not_written(run: Run, tmp_path: Path) -> None:
    broken = run.model_copy(update={"rig": "Not A Slug"})
    with pytest.raises(RecordError):
        write_run(broken, tmp_path)
    assert list(tmp_path.iterdir()) == []


WRITE = """
from bench_pipeline.errors import RecordError
from bench_pipeline.records.yaml.files import write_atomically, write_run
from tests.factories import measured_run
"""


@pytest.mark.parametrize("way", ways())
def test_a_full_disk_leaves_no_run_and_the_older_file_as_it_was(tmp_path: Path, way: str) -> None:
    body = (
        WRITE
        + """
run = measured_run()
write_atomically(folder / "notes.yaml", "old")
fill_disk()
try:
    write_run(run, folder / "runs")
    result = ["written"]
except RecordError as error:
    result = [str(error)]
try:
    write_atomically(folder / "notes.yaml", b"new" * 100_000)
    result += ["written"]
except RecordError as error:
    result += [(folder / "notes.yaml").read_text()]
result += left()
"""
    )
    message, *rest = on_full_disk(tmp_path / "disk", way, body, limit_bytes=16_384)
    assert "cannot be written" in message
    assert "free space on that disk" in message
    assert rest == ["old", "notes.yaml"]


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(RecordError, match="cannot be written") as caught:
        write_atomically(tmp_path / "file" / "box.yaml", "x")
    assert caught.value.where == tmp_path / "file" / "box.yaml"


def test_a_reader_sees_one_whole_file_or_the_other(tmp_path: Path) -> None:
    path = tmp_path / "box.yaml"
    write_atomically(path, "a" * 20_000)
    with ExitStack() as stack:
        writers = [stack.enter_context(forked(writes_often, path, letter)) for letter in "ab"]
        seen = set()
        while any(writer.is_alive() for writer, _ in writers):
            seen.add(path.read_text())
    assert [writer.exitcode for writer, _ in writers] == [0, 0]
    assert seen <= {"a" * 20_000, "b" * 20_000}
    assert [p.name for p in tmp_path.iterdir()] == ["box.yaml"]


def test_every_hand_written_kind_survives(project) -> None:
    for kind, folder in [
        (Rig, project.rigs),
        (ModelFile, project.models),
        (Workload, project.workloads),
        (Campaign, project.campaigns),
        (EngineCatalogue, project.content),
    ]:
        for path in folder.glob("*.yaml"):
            head = kind is ModelFile and "\nfiles:\n" in path.read_text()
            read_as: type[Record] = ModelHead if head else kind
            record = parse_record(read_as, path.read_bytes(), path)
            assert parse_record(read_as, dump_record(record).encode(), path) == record
