"""What was not touched is not read, and whatever was is."""

import os

import pytest

from bench_pipeline.warehouse import hashes, stamps
from bench_pipeline.warehouse.refresh import refresh
from tests.edits import edit_run


@pytest.fixture
def hashed(monkeypatch) -> list[int]:
    """The size of each run file that is hashed, as it is."""
    found: list[int] = []

    def listening(content: bytes) -> str:
        found.append(len(content))
        return real(content)

    real = hashes.sha256_of
    monkeypatch.setattr(hashes, "sha256_of", listening)
    return found


@pytest.fixture
def settled(monkeypatch):
    """As if every file had been written long ago."""
    monkeypatch.setattr(stamps, "_MOMENTS_NS", -(10**18))


def test_an_untouched_file_is_not_read_again(project, put, small, hashed, settled):
    put(small())
    refresh(project)
    hashed.clear()
    assert refresh(project).unchanged == 1
    assert hashed == []


def test_a_file_that_was_just_written_is_read_again(project, put, small, hashed):
    put(small())
    refresh(project)
    hashed.clear()
    assert refresh(project).unchanged == 1
    assert len(hashed) == 1


def test_an_edit_of_the_same_size_with_its_time_set_back_is_seen(
    project, put, small, rows, settled
):
    path = put(small())
    edit_run(path, "Xeon", "xeon")
    refresh(project)
    before = path.stat()
    edit_run(path, "xeon", "xeoN")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert path.stat().st_mtime_ns == before.st_mtime_ns
    assert path.stat().st_size == before.st_size
    assert refresh(project).ingested == 1
    assert rows("select cpu from runs") == [("Intel(R) xeoN(R) Processor",)]


def test_a_file_that_comes_back_is_read_as_a_new_one(project, put, small, settled):
    path = put(small())
    text = path.read_bytes()
    refresh(project)
    path.unlink()
    assert refresh(project).removed == 1
    path.write_bytes(text)
    assert refresh(project).ingested == 1
