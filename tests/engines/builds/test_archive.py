"""Unpacking archives that were made to write elsewhere, and one as upstream packs it.

The same on every Python from 3.11 on: nothing here looks at what its tarfile can refuse.
"""

import io
import os
import re
import tarfile
import zipfile
from collections.abc import Iterable
from pathlib import Path

import pytest

from bench_pipeline.engines.builds.archive import unpack
from bench_pipeline.errors import EngineError


def entry(name: str, kind: bytes = tarfile.REGTYPE, **different) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.type = kind
    for field, value in different.items():
        setattr(member, field, value)
    return member


def link(name: str, target: str, kind: bytes = tarfile.SYMTYPE) -> tarfile.TarInfo:
    return entry(name, kind, linkname=target)


@pytest.fixture
def unpacked(tmp_path: Path):
    """Packs entries, files with their own name as content, and unpacks them into a folder beside
    the archive; returns the folder."""

    def unpacking(entries: Iterable[tarfile.TarInfo], mode: str = "w:gz") -> Path:
        archive, folder = tmp_path / "a.tar", tmp_path / "inside"
        with tarfile.open(archive, mode) as packed:
            for member in entries:
                content = member.name.encode() if member.isreg() else b""
                member.size = len(content)
                packed.addfile(member, io.BytesIO(content))
        folder.mkdir()
        unpack(archive, folder)
        return folder

    return unpacking


@pytest.mark.parametrize("mode", ["w", "w:gz", "w:xz"])
def test_files_folders_and_links_come_out_as_they_were_packed(unpacked, mode):
    folder = unpacked(
        [
            link("build/bin/libx.so", "libx.so.0"),  # before what it links to
            link("build/bin/libx.so.0", "libx.so.0.1"),
            entry("build", tarfile.DIRTYPE),
            entry("./build/bin/libx.so.0.1"),
            link("build/same", "build/bin/libx.so.0.1", tarfile.LNKTYPE),
            entry("build/empty", tarfile.DIRTYPE),
        ],
        mode,
    )
    library = folder / "build/bin/libx.so"
    assert library.is_symlink() and library.read_text() == "./build/bin/libx.so.0.1"
    assert (folder / "build/same").samefile(library)
    assert (folder / "build/empty").is_dir()


def test_programs_stay_programs_and_nothing_else_of_owner_and_mode_is_taken(unpacked):
    folder = unpacked(
        [
            entry("program", mode=0o6777, uid=12345, gid=12345, uname="nobody"),
            entry("text", mode=0o466),
            entry("closed", tarfile.DIRTYPE, mode=0o000),
            entry("closed/file", mode=0o000),
        ]
    )
    modes = {path.name: path.stat().st_mode & 0o7777 for path in folder.rglob("*")}
    assert (modes["program"], modes["text"], modes["file"]) == (0o755, 0o644, 0o644)
    assert {path.stat().st_uid for path in folder.rglob("*")} == {os.getuid()}
    assert (folder / "closed/file").read_text() == "closed/file"


@pytest.mark.parametrize(
    ("entries", "problem"),
    [
        ([entry("../evil")], "`../evil` leads outside"),
        ([entry("a/../../evil")], "`a/../../evil` leads outside"),
        ([entry("/evil")], "`/evil` leads outside"),
        ([entry("..\\evil")], "`..\\evil` leads outside"),
        ([entry("../evil", tarfile.DIRTYPE)], "`../evil` leads outside"),
        ([link("../evil", "x")], "`../evil` leads outside"),
        ([link("a", "/etc/passwd")], "`a` links to `/etc/passwd`, outside"),
        ([link("a", "..")], "`a` links to `..`, outside"),
        ([link("a", "b/../../x")], "`a` links to `b/../../x`, outside"),
        ([link("a", "../evil", tarfile.LNKTYPE)], "`a` links to `../evil`, outside"),
        ([link("a", "/etc/passwd", tarfile.LNKTYPE)], "`a` links to `/etc/passwd`, outside"),
        ([link("a", "b", tarfile.LNKTYPE)], "`a`: No such file"),
        ([entry("a", tarfile.FIFOTYPE)], "`a` is neither file nor folder nor link"),
        ([entry("a", tarfile.CHRTYPE, devmajor=1, devminor=3)], "`a` is neither file nor"),
        ([entry("a", tarfile.BLKTYPE, devmajor=8)], "`a` is neither file nor"),
        ([entry("a"), entry("a")], "`a`: File exists"),
        ([entry("a"), link("a", "b")], "`a`: File exists"),
        ([entry("a"), entry("a/b")], "`a/b`: "),
        ([entry("x" * 300)], f"`{'x' * 60}`: File name too long"),
    ],
)
def test_a_tar_that_leads_outside_or_holds_what_is_no_file_is_refused(
    unpacked, tmp_path, entries, problem
):
    with pytest.raises(EngineError, match=re.escape(problem)):
        unpacked([entry("good"), *entries])
    assert {path.name for path in tmp_path.iterdir()} == {"a.tar", "inside"}
    if "leads" in problem or "links" in problem or "neither" in problem:
        assert list((tmp_path / "inside").iterdir()) == [], "refused before anything is written"


def test_no_file_is_written_through_a_link_of_the_archive(unpacked, tmp_path):
    """The link is made last and finds its name taken."""
    with pytest.raises(EngineError, match="`a`: File exists"):
        unpacked([entry("b", tarfile.DIRTYPE), link("a", "b"), entry("a/file")])
    assert not (tmp_path / "inside/b/file").exists()


@pytest.mark.parametrize("kept", [0.2, 0.9])
@pytest.mark.parametrize("mode", ["w", "w:gz", "w:xz"])
def test_half_a_tar_is_one_clear_error(tmp_path, kept, mode):
    whole, half, folder = tmp_path / "whole", tmp_path / "half", tmp_path / "inside"
    folder.mkdir()
    noise = os.urandom(100_000)
    with tarfile.open(whole, mode) as packed:
        packed.addfile(entry("noise", size=len(noise)), io.BytesIO(noise))
    content = whole.read_bytes()
    half.write_bytes(content[: int(len(content) * kept)])
    with pytest.raises(EngineError, match="half: the archive cannot be unpacked"):
        unpack(half, folder)


@pytest.mark.parametrize("name", ["../evil", "/evil", "a/../../evil"])
def test_a_zip_that_leads_outside_its_folder_is_refused(tmp_path, name):
    archive, folder = tmp_path / "a.whl", tmp_path / "inside"
    folder.mkdir()
    with zipfile.ZipFile(archive, "w") as zipped:
        zipped.writestr(name, "x")
    with pytest.raises(EngineError, match=re.escape(f"`{name}` leads outside")):
        unpack(archive, folder)
    assert list(folder.iterdir()) == [] and not (tmp_path / "evil").exists()


@pytest.mark.parametrize(
    ("names", "problem"),
    [
        (("a", "a/b"), "`b`: Not a directory"),
        (("a", "a/"), "`a`: File exists"),
        (("x" * 300,), f"`{'x' * 60}`: File name too long"),
    ],
)
def test_a_zip_whose_files_no_folder_can_hold_is_one_clear_error(tmp_path, names, problem):
    archive, folder = tmp_path / "a.whl", tmp_path / "inside"
    folder.mkdir()
    with zipfile.ZipFile(archive, "w") as zipped:
        for name in names:
            zipped.writestr(name, "x")
    with pytest.raises(EngineError, match=re.escape(f"cannot be unpacked: {problem}")):
        unpack(archive, folder)


def test_a_zip_that_says_it_begins_before_its_file_is_one_clear_error(tmp_path):
    archive, folder = tmp_path / "a.whl", tmp_path / "inside"
    folder.mkdir()
    with zipfile.ZipFile(archive, "w") as zipped:
        zipped.writestr("a", "x")
    content = bytearray(archive.read_bytes())
    directory = content.rfind(b"PK\5\6") + 16  # where it says that the list of its files begins
    content[directory : directory + 4] = (2**31).to_bytes(4, "little")
    archive.write_bytes(content)
    with pytest.raises(EngineError, match="cannot be unpacked"):
        unpack(archive, folder)
