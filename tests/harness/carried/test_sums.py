"""A list of sums says what every file was when it was measured."""

import subprocess
from pathlib import Path

import pytest

from bench_pipeline.errors import RecordError
from bench_pipeline.harness.carried.sums import SUMS, read_sums, write_sums


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("a.yaml", "deep/er/b c.log", ".work/half", "deep/.hidden"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name)
    write_sums(tmp_path)
    return tmp_path


def sha256sum(folder: Path) -> int:
    return subprocess.run(["sha256sum", "--check", "--strict", SUMS], cwd=folder).returncode


def test_sha256sum_reads_it_and_finds_what_changed(folder: Path):
    assert sha256sum(folder) == 0
    (folder / "deep/er/b c.log").write_text("another")
    assert sha256sum(folder) == 1


def test_it_names_all_but_hidden_files_and_itself(folder: Path):
    assert list(read_sums(folder)) == ["a.yaml", "deep/er/b c.log"]
    write_sums(folder)
    assert list(read_sums(folder)) == ["a.yaml", "deep/er/b c.log"]


def test_a_list_of_nothing_and_one_of_windows_are_read(folder: Path):
    text = (folder / SUMS).read_text()
    before = read_sums(folder)
    (folder / SUMS).write_bytes(text.replace("\n", "\r\n").replace("  ", " *./").encode())
    assert read_sums(folder) == before
    (folder / SUMS).write_text("")
    assert read_sums(folder) == {}


@pytest.mark.parametrize(
    "line", ["0" * 64, "0" * 63 + "  a", "0" * 64 + "  ../a", "0" * 64 + "  /etc/passwd", "\0\xff"]
)
def test_what_is_no_sum_and_name_is_told_with_its_line(folder: Path, line: str):
    text = (folder / SUMS).read_text()
    (folder / SUMS).write_text(text + line + "\n")
    with pytest.raises(RecordError, match=rf"{SUMS}:3: no sum and name"):
        read_sums(folder)
