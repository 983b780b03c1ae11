"""How run files come home: through Dagster's event log, whole and with their checksums.

A rig reports each file as an observation of `run_documents`, keeps a note of it in its outbox, and
reports it again until the control plane has confirmed it. Only the control plane writes into
`content/` what it is sent: once, as it was sent, and nothing else than a valid run in its place.
"""

import hashlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import dagster as dg
from filelock import FileLock

from bench_pipeline.errors import RecordError, RigError
from bench_pipeline.farm.access import FILE
from bench_pipeline.harness.carried.messages import packed, unpacked
from bench_pipeline.paths import Project
from bench_pipeline.records.yaml.files import write_atomically

DOCUMENTS = dg.AssetKey("run_documents")
_FILE, _HASH, _TEXT = "run file", "sha256", "document"
_CONFIRMED = "bench_pipeline/confirmed/"
_READ_TO = "bench_pipeline/documents-read-to"
_AT_ONCE = 20
REFUSED = "refused: "


class Arrivals(NamedTuple):
    written: list[str]
    """Run files below the folder of runs."""
    refused: dict[str, str]
    """Why, by run file."""


def outbox_of(instance: dg.DagsterInstance) -> Path | None:
    """A rig's; None on any other instance."""
    folder = Path(instance.root_directory) / "outbox"
    return folder if folder.is_dir() else None


def is_control_plane(instance: dg.DagsterInstance) -> bool:
    """Of a farm."""
    folder = Path(instance.root_directory)
    return (folder / FILE).exists() and not (folder / "outbox").exists()


def send(instance: dg.DagsterInstance, project: Project, files: Iterable[str]) -> None:
    """From a rig, run files by their path below the folder of runs. On another instance nothing:
    they are at home already. The files stay; what cannot be sent now is sent later."""
    outbox = outbox_of(instance)
    if outbox is None:
        return
    for file in files:
        note = outbox / hashlib.sha256(file.encode()).hexdigest()
        write_atomically(note, file)
        _report(instance, project, file)


def send_unconfirmed(instance: dg.DagsterInstance, project: Project) -> int:
    """How many files are not confirmed yet; each of them is reported again."""
    outbox, waiting = outbox_of(instance), 0
    for note in sorted(outbox.iterdir()) if outbox else ():
        if note.name.startswith("."):
            continue
        file = note.read_text()
        if not (project.runs / file).exists():
            note.unlink()  # somebody took it away: nothing is left to send
            continue
        if answer(instance, file) is not None:
            note.unlink()
            continue
        waiting += 1
        _report(instance, project, file)
    return waiting


def answer(instance: dg.DagsterInstance, file: str) -> str | None:
    """The control plane's: the checksum of what it has; or `REFUSED` and why; None: not yet."""
    key = _CONFIRMED + file
    return instance.daemon_cursor_storage.get_cursor_values({key}).get(key)


def _report(instance: dg.DagsterInstance, project: Project, file: str) -> None:
    document, sha256 = packed((project.runs / file).read_bytes())
    instance.report_runless_asset_event(
        dg.AssetObservation(
            DOCUMENTS,
            metadata={
                _FILE: file,
                _HASH: sha256,
                _TEXT: document,
            },
        )
    )


def receive(instance: dg.DagsterInstance, project: Project) -> Arrivals:
    """On the control plane: takes in what has come, by the rules of `python -m bench_pipeline
    receive`, and confirms it. Whatever came twice, or is read twice, is written once."""
    arrivals = Arrivals([], {})
    cursors = instance.daemon_cursor_storage
    with FileLock(Path(instance.root_directory) / "receiving.lock"):
        read_to = cursors.get_cursor_values({_READ_TO}).get(_READ_TO)
        for cursor, documents in _new_documents(instance, read_to):
            for file, said_hash, document in documents:
                try:
                    if _take_in(project, file, unpacked(document, said_hash)):
                        arrivals.written.append(file)
                    cursors.set_cursor_values({_CONFIRMED + file: said_hash})
                except RigError as error:  # its file is on its way: the rig will send it again
                    arrivals.refused[file] = str(error)
                except RecordError as error:
                    arrivals.refused[file] = str(error)
                    cursors.set_cursor_values({_CONFIRMED + file: REFUSED + error.problem})
            cursors.set_cursor_values({_READ_TO: cursor})
    return arrivals


def _take_in(project: Project, file: str, text: bytes) -> bool:
    """Whether it was new. RecordError, RigError: as of `Receiver.take`."""
    from bench_pipeline.warehouse.receiving import Receiver  # with what judges: only now

    return Receiver(project).take(text, Path(file)).newly


def _new_documents(
    instance: dg.DagsterInstance, cursor: str | None
) -> Iterator[tuple[str, list[tuple[str, str, str]]]]:
    more = True
    while more:
        found = instance.fetch_observations(DOCUMENTS, _AT_ONCE, cursor, ascending=True)
        documents = []
        for record in found.records:
            observed = record.asset_observation
            values = {name: m.value for name, m in observed.metadata.items()} if observed else {}
            words = [str(values.get(name, "")) for name in (_FILE, _HASH, _TEXT)]
            documents.append((words[0], words[1], words[2]))
        cursor, more = found.cursor, found.has_more
        if found.records:
            yield cursor, documents


def said(arrivals: Arrivals) -> str:
    """In a line; empty where nothing came."""
    words = [f"{len(arrivals.written)} run files came home"] if arrivals.written else []
    words += [f"{file} was refused: {why}" for file, why in arrivals.refused.items()]
    return "; ".join(words)
