"""What a hand-written or submitted file can have wrong, and what its author is told."""

import shutil
import tracemalloc
from pathlib import Path

import pytest

from bench_pipeline.errors import RecordError
from bench_pipeline.paths import Project, checkout
from bench_pipeline.records.campaign import Campaign
from bench_pipeline.records.model import ModelFile
from bench_pipeline.records.rig import Rig
from bench_pipeline.records.run import SCHEMA_VERSION, Run
from bench_pipeline.records.workload import Workload
from bench_pipeline.records.yaml.files import (
    dump_record,
    parse_record,
    read_campaigns,
    read_engines,
    read_folder,
    read_record,
    read_rigs,
    read_run,
    read_workloads,
    run_files,
)
from bench_pipeline.records.yaml.model_files import read_models
from bench_pipeline.records.yaml.strict import MAX_BYTES, parse_yaml

MARK = f"schema_version: {SCHEMA_VERSION}"
FOLDERS = {Rig: "rigs", ModelFile: "models", Campaign: "campaigns", Workload: "workloads"}


def parse(text: str | bytes, kind: type = Rig, name: str = "rigs/box.yaml") -> RecordError:
    """The error that `text` brings."""
    content = text.encode() if isinstance(text, str) else text
    with pytest.raises(RecordError) as caught:
        parse_record(kind, content, Path(name))
    assert caught.value.mend
    return caught.value


def test_the_checkout_s_own_content_is_valid() -> None:
    project = checkout()
    assert read_rigs(project.rigs)
    assert read_models(project.models)
    assert read_campaigns(project.campaigns)
    assert read_engines(project.engines).wheels
    workloads = read_workloads(project.workloads).values()
    assert [w.order for w in workloads] == sorted(w.order for w in workloads)
    for path in run_files(project.runs):
        assert read_run(path).relative_path in path.as_posix()


@pytest.mark.parametrize("kind", FOLDERS, ids=lambda kind: kind.__name__)
def test_an_unknown_key_names_file_line_and_mend(kind: type, project: Project) -> None:
    path = sorted((project.content / FOLDERS[kind]).glob("*.yaml"))[0]
    line = len(path.read_text().splitlines()) + 1
    with path.open("a") as file:
        file.write("\ncolour: green\n" if path.read_text()[-1:] != "\n" else "colour: green\n")
    with pytest.raises(RecordError, match="unknown key `colour`") as caught:
        read_folder(kind, path.parent)
    assert caught.value.where == f"{path}:{line}"
    assert (
        caught.value.mend == "remove it, or correct its spelling; docs/records.md lists every key"
    )


def test_a_misspelt_key_is_told_as_unknown_not_as_missing() -> None:
    error = parse("titel: Box\nbackends: {cpu: {}}\n")
    assert error.problem == "unknown key `titel` (and 1 more)"
    assert error.where == "rigs/box.yaml:1"


def test_an_unknown_key_deep_inside_has_its_own_line() -> None:
    error = parse("title: Box\nbackends:\n  cpu:\n    threads: 1\n    thraeds: 2\n")
    assert error.problem == "unknown key `backends.cpu.thraeds`"
    assert error.where == "rigs/box.yaml:5"


def test_a_missing_key_is_named() -> None:
    error = parse("backends: {cpu: {}}\n")
    assert error.problem == "the key `title` is missing"
    assert str(error.where) == "rigs/box.yaml"
    assert error.mend.startswith("add it")


def test_an_unknown_backend_has_its_line() -> None:
    error = parse("title: Box\nbackends:\n  cpu: {}\n  opencl: {}\n")
    assert error.where == "rigs/box.yaml:4"
    assert "opencl" in error.problem


def test_an_item_of_a_list_has_its_line(run: Run) -> None:
    text = dump_record(run).replace("holds: weights", "holds: secrets", 1)
    line = next(n for n, row in enumerate(text.splitlines(), 1) if "holds: secrets" in row)
    error = parse(text, Run, "run.yaml")
    assert error.where == f"run.yaml:{line}"
    assert "servers.0.memory.buffers" in error.problem and "got `secrets`" in error.problem


def test_a_value_in_a_table_has_its_line(run: Run) -> None:
    lines = dump_record(run).splitlines()
    number = next(n for n, row in enumerate(lines) if row.startswith("    3,0,"))
    lines[number] = lines[number].replace("3,0,", "-3,0,", 1)
    error = parse("\n".join(lines), Run, "run.yaml")
    assert error.where == f"run.yaml:{number + 1}"
    assert "requests.3.wave" in error.problem


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        ("title: [1, 2\nkind: server\n", 2, "not valid YAML"),
        ("title: 'Box\n", 2, "end of stream"),
        ("title: a\n\ttabs: b\n", 2, "not valid YAML"),
        ("title: Box\ntitle: Bax\n", 2, "the key `title` stands twice"),
        ("title: Box\nbackends:\n  cpu: {}\n  cpu: {}\n", 4, "the key `cpu` stands twice"),
        ("title: Box\n? {a: b}\n: c\n", 2, "a key must be a word"),
        ("title: Box\n? [a]\n: c\n", 2, "a key must be a word"),
        ("title: Box\n--- \ntitle: Bax\n", 2, "not valid YAML"),
        ("title: !!python/object/apply:os.system [id]\n", 1, "the tag"),
        ("title: Box\nkind: \x00\n", 2, "control characters are not allowed"),
        ("title: Box\nkind: \x1b[2J\n", 2, "control characters are not allowed"),
        ("title: 2026-13-45\n", 1, "`2026-13-45`: month must be in 1..12"),
    ],
)
def test_what_is_not_yaml_names_its_line(text: str, line: int, says: str) -> None:
    error = parse(text)
    assert says in error.problem
    assert error.where == f"rigs/box.yaml:{line}"


@pytest.mark.parametrize("text", [b"title: Caf\xe9\n", b"title: \xff\xfe\xfa\n", b"\x80"])
def test_what_is_not_utf8_is_refused(text: bytes) -> None:
    assert "not valid YAML" in parse(text).problem


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "is empty"),
        ("# nothing\n", "is empty"),
        ("---\n", "is empty"),
        ("- a\n- b\n", "no mapping"),
        ("just words\n", "no mapping"),
        ("42\n", "no mapping"),
    ],
)
def test_what_holds_no_keys_is_refused(text: str, says: str) -> None:
    assert says in parse(text).problem


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (
            "a: &a [x, x]\nb: &b [*a, *a]\nc: &c [*b, *b]\nd: &d [*c, *c]\n",
            "an alias",
        ),
        ("a: &a {k: v}\nb: *a\n", "an alias"),
        ("a: &a [*a]\n", "an alias"),
        ("a: &a {k: v}\nb:\n  <<: *a\n", "`<<` (a merge)"),
        ("a: &a {k: v}\nb:\n  <<: [*a, *a, *a]\n", "`<<` (a merge)"),
        ("a: *nowhere\n", "undefined alias"),
        (f"a: {'9' * 5000}\n", "a number of 5000 characters"),
        (f"a: 1{':1' * 100_000}\n", "a number of 200001 characters"),
        (f"a: 0x{'f' * 100_000}\n", "a number of 100002 characters"),
        ("a: " + "[" * 100_000, "nested deeper than 20"),
        ("{a: " * 100_000, "nested deeper than 20"),
        ("- " * 100_000, "nested deeper than 20"),
    ],
    ids=lambda value: value[:16] if isinstance(value, str) else None,
)
def test_what_swells_is_refused(text: str, says: str) -> None:
    assert says in parse(text).problem


def test_a_bomb_of_aliases_costs_no_memory() -> None:
    bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n" + "".join(
        f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 30)
    )
    tracemalloc.start()
    parse(bomb)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 8 * 2**20


def test_a_file_beyond_the_limit_is_not_parsed() -> None:
    error = parse(b"title: Box # " + b"x" * MAX_BYTES)
    assert error.problem == "has 16.0 MiB, a record at most 16"


def test_a_large_but_allowed_file_is_parsed() -> None:
    text = b"notes: |\n" + b"  0123456789\n" * 100_000
    assert len(parse_yaml(text, Path("x"))["notes"]) == 1_100_000


@pytest.mark.parametrize(
    ("bare", "told"),
    [("on", "bool"), ("no", "bool"), ("0777", "int"), ("1.5", "float"), ("2026-11-22", "date")],
)
def test_a_bare_word_that_yaml_reads_as_something_else_is_to_be_quoted(
    bare: str, told: str
) -> None:
    error = parse(f"title: {bare}\nbackends: {{cpu: {{}}}}\n")
    assert error.mend.startswith(f"write it in quotes: bare, YAML reads it as a {told}")
    assert error.where == "rigs/box.yaml:1"
    quoted = f"title: '{bare}'\nbackends: {{cpu: {{}}}}\n"
    assert parse_record(Rig, quoted.encode(), Path("rigs/box.yaml")).title == bare


@pytest.mark.parametrize(
    "value", ["~", "[]", "{}", "5 W", ".nan", ".inf", "[1]", "{a: 1}", "-1", "0"]
)
def test_a_wrong_value_is_named(value: str) -> None:
    error = parse(f"title: Box\nbackends: {{cpu: {{threads: {value}}}}}\nkind: {value}\n")
    assert error.where in ("rigs/box.yaml:2", "rigs/box.yaml:3")


def test_a_stranger_s_text_moves_no_cursor() -> None:
    error = parse('title: Box\n"\\e[2J\\u202e\\nkey": 1\n')
    assert error.problem.startswith("unknown key `\\x1b[2J\\u202e\\nkey`")
    error = parse(f'title: Box\nkind: "\\e[2J{"x" * 500}"\n')
    assert "\x1b" not in str(error)
    assert len(error.problem) < 250


def test_the_file_s_name_is_the_slug(tmp_path: Path) -> None:
    text = "title: Box\nbackends: {cpu: {}}\n"
    (tmp_path / "box.yaml").write_text(text)
    assert read_rigs(tmp_path)["box"].slug == "box"
    assert "leave `slug` out" in parse("slug: bax\n" + text).mend
    assert "rename the file" in parse(text, name="rigs/My Box.yaml").mend


def test_a_yml_file_is_not_passed_over_in_silence(tmp_path: Path) -> None:
    (tmp_path / "box.yml").write_text("title: Box\n")
    with pytest.raises(RecordError, match=r"ends in \.yml"):
        read_rigs(tmp_path)


def test_what_editors_leave_is_passed_over(tmp_path: Path) -> None:
    (tmp_path / ".#box.yaml").symlink_to("somebody@host.1234")
    (tmp_path / "._box.yaml").write_bytes(b"\0\5\26\7")
    assert read_rigs(tmp_path) == {}
    assert list(run_files(tmp_path)) == []


def test_a_missing_file_and_a_folder_are_named(tmp_path: Path) -> None:
    with pytest.raises(RecordError, match="no such file"):
        read_record(Rig, tmp_path / "none.yaml")
    with pytest.raises(RecordError, match="is a folder"):
        read_record(Rig, tmp_path)


def test_a_newer_schema_asks_for_newer_code(run: Run) -> None:
    text = dump_record(run).replace(MARK, "schema_version: 99\nflavour: vanilla", 1)
    error = parse(text, Run, "run.yaml")
    assert error.problem == f"schema 99 is newer than this code, which reads up to {SCHEMA_VERSION}"
    assert "git pull" in error.mend


@pytest.mark.parametrize("version", ["0", "-1", "'1'", "one", "[]", "true", "4.0", "~"])
def test_a_schema_that_never_was_is_refused(run: Run, version: str) -> None:
    text = dump_record(run).replace(MARK, f"schema_version: {version}", 1)
    assert "schema_version" in parse(text, Run, "run.yaml").problem


def test_a_run_says_its_schema(run: Run) -> None:
    text = dump_record(run).replace(f"{MARK}\n", "", 1)
    assert parse(text, Run, "run.yaml").problem == "the key `schema_version` is missing"


def test_a_truncated_run_is_never_read(run: Run) -> None:
    whole = dump_record(run).encode()
    where = Path(run.relative_path)
    assert read_run(where, whole) == run
    assert read_run(where, whole[:-1]) == run  # only the last line break is missing
    line_ends = [at for at in range(len(whole)) if whole[at - 1 : at] == b"\n"]
    sampled = range(0, len(whole) - 1, max(1, len(whole) // 400))
    for at in {*line_ends, *sampled, *range(len(whole) - 40, len(whole) - 1)}:
        with pytest.raises(RecordError) as caught:
            read_run(where, whole[:at])
        assert str(caught.value.where).startswith(str(where))


def test_a_run_with_windows_line_ends_is_read(run: Run) -> None:
    text = dump_record(run).replace("\n", "\r\n").encode()
    assert read_run(Path(run.relative_path), text) == run


@pytest.mark.parametrize("part", [0, 1, 2])
def test_a_run_in_another_place_is_refused(run: Run, tmp_path: Path, part: int) -> None:
    parts = list(Path(run.relative_path).parts)
    parts[part] = f"other{'.yaml' if part == 2 else ''}"
    path = tmp_path.joinpath(*parts)
    path.parent.mkdir(parents=True)
    path.write_text(dump_record(run))
    with pytest.raises(RecordError, match=r"belongs at `shared-vm-2core/cpu/") as caught:
        read_run(path)
    assert "move the file there" in caught.value.mend


def test_a_copied_run_is_found_out(run: Run, tmp_path: Path) -> None:
    path = tmp_path / run.relative_path
    path.parent.mkdir(parents=True)
    path.write_text(dump_record(run))
    copy = path.with_name(f"copy-of-{path.name}")
    shutil.copy(path, copy)
    read_run(path)
    with pytest.raises(RecordError, match="belongs at"):
        read_run(copy)
