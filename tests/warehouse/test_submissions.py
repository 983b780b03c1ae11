"""Of files that somebody might send, sixty bad ones are held for their reason, good ones not."""

from collections.abc import Callable
from copy import deepcopy
from pathlib import Path

import pytest

from bench_pipeline.paths import Project, checkout
from bench_pipeline.records.run import Run
from bench_pipeline.records.yaml.files import dump_record, read_run, write_run
from bench_pipeline.senders.sending import send
from bench_pipeline.senders.signatures import public_key, read_key
from bench_pipeline.warehouse.checking import Checked, Checker
from tests.edits import edit_run
from tests.senders.keys import new_key
from tests.warehouse.submissions import (
    CPU_FORGERIES,
    GPU_FORGERIES,
    WHOLE_FORGERIES,
    Change,
    Document,
)

WHOLE = "58c01e7b2b13"

FORGERIES = [
    *((name, "cfc4f4309622", *forgery) for name, forgery in CPU_FORGERIES.items()),
    *((name, "8cdb9a8fdaf9", *forgery) for name, forgery in GPU_FORGERIES.items()),
    *((name, WHOLE, *forgery) for name, forgery in WHOLE_FORGERIES.items()),
]


@pytest.fixture(scope="module")
def measured() -> Callable[[str], Document]:
    """The first two cells of a run of this checkout, or all of it, as somebody else's."""
    read: dict[str, Document] = {}

    def document(run_id: str) -> Document:
        if run_id not in read:
            (path,) = checkout().runs.glob(f"*/*/*-{run_id}.yaml")
            read[run_id] = read_run(path).model_dump() | {"run_id": "0" * 12}
            if run_id != WHOLE:
                read[run_id]["cells"] = read[run_id]["cells"][:2]
        return deepcopy(read[run_id])

    return document


@pytest.fixture(scope="module")
def checker() -> Checker:
    return Checker(checkout())


def checked(checker: Checker, document: Document, folder: Path) -> Checked:
    return checker.check(write_run(Run.model_validate(document), folder))


@pytest.mark.parametrize(("name", "run_id", "change", "words"), FORGERIES)
def test_what_was_never_so_is_held_or_refused_and_said_why(
    checker: Checker,
    measured: Callable[[str], Document],
    tmp_path: Path,
    name: str,
    run_id: str,
    change: Change,
    words: str,
) -> None:
    document = measured(run_id)
    change(document)
    found = checked(checker, document, tmp_path)
    assert found.verdict != "accept", name
    assert any(words in reason for reason in found.reasons), found.reasons


def test_there_are_sixty_of_them_and_all_differ() -> None:
    assert len({name for name, *_ in FORGERIES}) == len(FORGERIES) >= 60


@pytest.mark.parametrize("run_id", ["cfc4f4309622", "8cdb9a8fdaf9", WHOLE])
def test_what_they_are_made_of_is_accepted(
    checker: Checker, measured: Callable[[str], Document], tmp_path: Path, run_id: str
) -> None:
    assert checked(checker, measured(run_id), tmp_path).reasons == ()


def unchanged(path: Path) -> None:
    pass


def from_windows(path: Path) -> None:
    path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))


def with_a_comment(path: Path) -> None:
    """By which the hash above it is another's, so it goes."""
    edit_run(path, "provenance:", "# measured by night\nprovenance:")


def without_a_cell_that_failed(path: Path) -> None:
    document = read_run(path).model_dump()
    failure = {"kind": "crash", "message": "the server died", "log_tail": []}
    document["cells"][1] |= {"status": "failed", "failure": failure, "requests": [], "waves": []}
    path.write_text(dump_record(Run.model_validate(document)))


def on_a_busy_host(path: Path) -> None:
    document = read_run(path).model_dump()
    document["host_load"] |= {"cpu_busy_fraction": 0.9, "quiet": False, "waited_s": 30}
    path.write_text(dump_record(Run.model_validate(document)))


def quickly(path: Path) -> None:
    document = read_run(path).model_dump()
    document["profile"] = "quick"
    for cell in document["cells"]:
        kept = {wave["wave"] for wave in cell["waves"][:2]}
        cell["waves"] = cell["waves"][:2]
        cell["requests"] = [r for r in cell["requests"] if r["wave"] in kept]
    path.write_text(dump_record(Run.model_validate(document)))


GOOD = [
    *((run_id, unchanged) for run_id in ("cfc4f4309622", "8cdb9a8fdaf9", "58c01e7b2b13")),
    *((run_id, unchanged) for run_id in ("4df505d0e20e", "1e2bf075d9bf", "fb541747442f")),
    *(("cfc4f4309622", how) for how in (from_windows, with_a_comment, on_a_busy_host, quickly)),
    ("4df505d0e20e", without_a_cell_that_failed),
]


@pytest.mark.parametrize(("run_id", "how"), GOOD)
def test_a_known_sender_s_run_is_accepted_signed_or_not(
    project: Project, tmp_path: Path, run_id: str, how: Callable[[Path], None]
) -> None:
    (path,) = checkout().runs.glob(f"*/*/*-{run_id}.yaml")
    record = read_run(path).model_copy(update={"run_id": "1" * 12, "submitted_by": "anna"})
    sent = write_run(record, tmp_path / "sent")
    how(sent)
    project.site_facts.write_text("title: Ours\nknown_senders: [anna]\n")
    rig = project.rigs / f"{record.rig}.yaml"
    rig.write_text(f"{rig.read_text()}owner: anna\n")
    assert Checker(project, from_others=True).check(sent).reasons == ()
    key = read_key(new_key(tmp_path))
    rig.write_text(f"{rig.read_text()}public_key: {public_key(key)}\n")
    unsigned = Checker(project, from_others=True).check(sent)
    assert (unsigned.verdict, unsigned.reasons) == (
        "look at",
        ("is shown behind every other: it is unsigned",),
    )
    send(sent, None, key)
    assert Checker(project, from_others=True).check(sent).reasons == ()
