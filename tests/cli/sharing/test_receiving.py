"""`python -m bench_pipeline receive`: what is whole is taken in, all else is named."""

import os
import shutil
import tempfile
from argparse import Namespace
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from bench_pipeline.cli.sharing import receiving
from bench_pipeline.harness.carried.sums import SUMS, write_sums
from bench_pipeline.paths import Project, checkout
from bench_pipeline.records.yaml.files import run_files

SENT = sorted(checkout().runs.glob("shared-vm-2core/cpu/2*.yaml"))[:2]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """As bench-rig leaves it, with two runs and a log of the first."""
    folder = tmp_path / "stick" / "runs-of-a-rig"
    runs = folder / "content/benchmarks/runs/shared-vm-2core/cpu"
    runs.mkdir(parents=True)
    for file in SENT:
        (runs / file.name).write_bytes(file.read_bytes())
    (runs / f"{SENT[0].stem}-0.server.log").write_text("loaded")
    rig = folder / "content/rigs/shared-vm-2core.yaml"
    rig.parent.mkdir()
    rig.write_bytes((checkout().rigs / rig.name).read_bytes())
    write_sums(folder)
    return folder


@pytest.fixture
def receive(project: Project, capsys):
    def given(*paths: Path, **options: bool) -> tuple[int, str]:
        options = {"declare": False, "from_others": False} | options
        code = receiving.run(project, Namespace(paths=[*paths], **options))
        return code, "".join(capsys.readouterr())

    return given


def names(project: Project) -> list[str]:
    return [path.name for path in run_files(project.runs)]


def in_folder(home: Path, file: Path) -> Path:
    (found,) = home.rglob(file.name)
    return found


def test_a_folder_is_taken_in_whole_and_once(receive, project: Project, home: Path):
    code, told = receive(home.parent)
    assert (code, names(project)) == (0, [file.name for file in SENT])
    assert "2 taken in" in told
    (log,) = project.runs.rglob("*.server.log")
    assert log.read_text() == "loaded"
    code, told = receive(home, in_folder(home, SENT[0]))
    assert (code, names(project)) == (0, [file.name for file in SENT])
    assert "3 here already" in told


def test_one_that_changed_on_its_way_is_named_and_the_other_taken(
    receive, project: Project, home: Path
):
    spoilt = in_folder(home, SENT[0])
    spoilt.write_bytes(spoilt.read_bytes().replace(b"\n", b"\n\n", 1))
    code, told = receive(home)
    assert (code, names(project)) == (1, [SENT[1].name])
    assert f"{spoilt}: is not what {SUMS} says" in told and "1 taken in" in told


def test_without_a_list_a_file_s_own_hash_tells(receive, project: Project, home: Path):
    (home / SUMS).unlink()
    spoilt = in_folder(home, SENT[0])
    spoilt.write_bytes(spoilt.read_bytes()[:-2000])
    code, told = receive(home)
    assert (code, names(project)) == (1, [SENT[1].name])
    assert "is cut off" in told


def test_what_the_list_names_and_is_not_there_is_missed(receive, project: Project, home: Path):
    in_folder(home, SENT[0]).unlink()
    code, told = receive(home)
    assert (code, names(project)) == (1, [SENT[1].name])
    assert SENT[0].name in told and "it is not there" in told


def test_a_name_in_the_list_that_no_file_can_have_is_missed(receive, project: Project, home: Path):
    with (home / SUMS).open("a") as sums:
        sums.write(f"{'0' * 64}  {'x' * 300}\n")
    code, told = receive(home)
    assert (code, len(names(project))) == (1, 2)
    assert "it is not there" in told


def test_a_list_that_is_none_is_named(receive, project: Project, home: Path):
    (home / SUMS).write_text("0000  ../../../etc/passwd\n")
    code, told = receive(home)
    assert (code, len(names(project))) == (1, 2)
    assert "no sum and name of a file" in told


def test_a_log_that_is_a_link_or_damaged_is_left_out(
    receive, project: Project, home: Path, tmp_path: Path
):
    secret = tmp_path / "secret"
    secret.write_text("key")
    first, second = (in_folder(home, file) for file in SENT)
    first.with_name(f"{first.stem}-0.server.log").write_text("another")
    second.with_name(f"{second.stem}-0.server.log").symlink_to(secret)
    code, told = receive(home)
    assert (code, names(project)) == (0, [file.name for file in SENT])
    assert list(project.runs.rglob("*.server.log")) == []
    assert told.count("left out: ") == 2


def test_a_machine_that_nobody_declared_is_told_and_declared_when_asked(
    receive, project: Project, home: Path
):
    declared = project.rigs / "shared-vm-2core.yaml"
    text = declared.read_text()
    declared.unlink()
    code, told = receive(home)
    assert (code, names(project)) == (1, [])
    assert told.count("--declare takes that in too") == 2
    code, told = receive(home, declare=True)
    assert (code, declared.read_text()) == (0, text)
    assert "declared: content/rigs/shared-vm-2core.yaml" in told
    assert len(names(project)) == 2


def identify(file: Path, machine_id: str) -> None:
    file.write_text(f'machine_id: "{machine_id}"\n{file.read_text()}')


def test_another_machine_under_a_known_name_is_refused(receive, project: Project, home: Path):
    identify(project.rigs / "shared-vm-2core.yaml", "a" * 16)
    rig_file = home / "content/rigs/shared-vm-2core.yaml"
    identify(rig_file, "b" * 16)
    write_sums(home)
    code, told = receive(home)
    assert (code, names(project)) == (1, [])
    assert "another machine than the one that is `shared-vm-2core` here" in told


def test_a_known_machine_under_another_name_is_not_declared_twice(
    receive, project: Project, home: Path
):
    (project.rigs / "shared-vm-2core.yaml").rename(project.rigs / "old-name.yaml")
    identify(project.rigs / "old-name.yaml", "b" * 16)
    identify(home / "content/rigs/shared-vm-2core.yaml", "b" * 16)
    write_sums(home)
    code, told = receive(home, declare=True)
    assert (code, names(project)) == (1, [])
    assert "declared here as `old-name`" in told


def test_hostile_and_unrelated_files_stop_nothing(receive, project: Project, home: Path):
    hostile = in_folder(home, SENT[0]).with_name("20261127T000000Z-00000000000a.yaml")
    hostile.write_bytes(b"a: &a [x]\nb: [" + b"*a, " * 1000 + b"]\n...\n")
    (home / "README.yaml").write_text("no run")
    code, told = receive(home)
    assert (code, names(project)) == (1, [file.name for file in SENT])
    assert str(hostile) in told and "README" not in told


@pytest.mark.parametrize("trap", [os.mkfifo, Path.mkdir, lambda path: path.symlink_to("/dev/zero")])
def test_what_only_looks_like_a_file_holds_nothing_up(receive, project: Project, home: Path, trap):
    """Though a list of sums names it."""
    file = in_folder(home, SENT[0])
    file.unlink()
    trap(file)
    code, told = receive(home)
    assert (code, names(project)) == (1, [SENT[1].name])
    assert SENT[0].name in told and "mend: " in told


def test_a_link_leads_nowhere_but_within_what_was_given(receive, project: Project, home: Path):
    """Whoever names a link himself means what it leads to."""
    first, second = (in_folder(home, file) for file in SENT)
    outside = home.parent / first.name
    first.rename(outside)
    first.symlink_to(outside)
    kept = home / "kept" / second.name
    kept.parent.mkdir()
    second.rename(kept)
    second.symlink_to(kept)
    code, told = receive(home)
    assert (code, names(project)) == (1, [SENT[1].name])
    assert f"{first}: is a link that leads out of {home}" in told
    code, told = receive(first)
    assert (code, names(project)) == (0, [file.name for file in SENT])


def test_a_second_copy_as_a_browser_names_it_is_known(receive, project: Project, home: Path):
    file = in_folder(home, SENT[0])
    file.rename(file.with_name(f"{file.stem} (1).yaml"))
    (home / SUMS).unlink()
    code, told = receive(home)
    assert (code, names(project)) == (0, [file.name for file in SENT])
    assert "2 taken in" in told


NOBODY = 65534


@pytest.fixture
def everywhere() -> Iterator[Path]:
    """A folder that every user of the machine may go to, as none of pytest's is."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o777)
        yield Path(folder)


@contextmanager
def without_rights() -> Iterator[None]:
    """Root may look into everything, so then as nobody."""
    mine = os.geteuid()
    if mine == 0:
        os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(mine)


def test_what_may_not_be_looked_into_is_named(
    project: Project, home: Path, everywhere: Path, capsys
):
    """A stick or an archive that another user wrote."""
    stick = shutil.copytree(home, everywhere / "stick")
    here = Project(shutil.copytree(project.root, everywhere / "project", symlinks=True))
    if os.geteuid() == 0:
        for path in (here.root, *here.root.rglob("*")):
            os.chown(path, NOBODY, NOBODY, follow_symlinks=False)
    runs = in_folder(stick, SENT[0]).parent
    closed = runs.parents[1] / "other-rig"
    closed.mkdir(mode=0)
    try:
        with without_rights():
            options = {"declare": False, "from_others": False}
            asked = [stick, closed / SENT[0].name]
            code = receiving.run(here, Namespace(paths=asked, **options))
            told = "".join(capsys.readouterr())
    finally:
        closed.chmod(0o700)
    assert (code, names(here)) == (1, [file.name for file in SENT])
    assert f"{closed}: cannot be read: Permission denied" in told
    assert f"{closed / SENT[0].name}: cannot be read: Permission denied" in told


def test_nothing_there_is_told(receive, tmp_path: Path):
    code, told = receive(tmp_path, tmp_path / "gone.yaml")
    assert code == 1
    assert "holds no run file" in told and "no such file" in told


def test_from_others_their_word_is_looked_at(receive, project: Project, home: Path):
    code, told = receive(home, from_others=True)
    assert code == 0
    assert "says it is of shared-vm-2core, which is yours" in told
