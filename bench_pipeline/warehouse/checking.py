"""What is to be thought of a run file that somebody else sends: accept, look at, or refuse.

The rules are those by which the warehouse takes and marks runs (`plausibility`), so that what is
accepted here is shown unmarked there; and some about the file itself, which only matter before it
is taken in.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from bench_pipeline.errors import RecordError
from bench_pipeline.paths import Project
from bench_pipeline.plausibility.judging import doubts_of_cell, doubts_of_run
from bench_pipeline.plausibility.rule import Consequence, Facts
from bench_pipeline.records.model import ModelFile
from bench_pipeline.records.rig import Rig
from bench_pipeline.records.run import Run
from bench_pipeline.records.site import SiteFacts
from bench_pipeline.records.yaml.files import read_record, read_what_can_be, run_files
from bench_pipeline.records.yaml.finding import content_of, real
from bench_pipeline.records.yaml.model_files import read_catalogue
from bench_pipeline.senders.trust import why_stranger
from bench_pipeline.warehouse.admission import admit

Verdict = Literal["accept", "look at", "refuse"]

_MARKUP = re.compile(
    r"<\s*/?\s*(script|img|iframe|svg|style|link|object|embed|a)\b|javascript:", re.I
)


@dataclass(frozen=True)
class Checked:
    """One file with every reason that speaks against it; none for one that is accepted."""

    file: Path
    verdict: Verdict
    reasons: tuple[str, ...]


class Checker:
    """Against the content of `project`, which the files may already lie in. `from_others`: they
    come from somebody else than its owner, and have to say from whom."""

    def __init__(self, project: Project, *, from_others: bool = False) -> None:
        self._from_others = from_others
        there = project.site_facts.exists()
        self._site = read_record(SiteFacts, project.site_facts) if there else SiteFacts()
        self._models: Mapping[str, ModelFile] = read_catalogue(project.models)[0]
        self._rigs = read_what_can_be(Rig, project.rigs)[0]
        self._here = {real(path): path.name for path in run_files(project.runs)}

    def check(self, file: Path) -> Checked:
        file = real(file)
        try:
            run, doubts = self.judge(file, content_of(file))
        except RecordError as error:
            return Checked(file, "refuse", (f"{error.problem}; {error.mend}",))
        for path, name in self._here.items():
            if is_of(name, run.run_id) and path != file:
                refusal = f"a run with its id is here already: {name}"
                return Checked(file, "refuse", (refusal,))
        return Checked(file, "look at" if doubts else "accept", doubts)

    def judge(
        self, file: Path, content: bytes, *, placed: bool = True
    ) -> tuple[Run, tuple[str, ...]]:
        """The run that `content` holds, with all that speaks against it; whether its id is here
        already is not asked. RecordError if it is to be refused. `placed`: as for `admit`."""
        run, rows = admit(file, content, str(file), self._models, placed=placed)
        if marked := next(
            (text for text in _words(run.model_dump()) if _MARKUP.search(text)), None
        ):
            raise RecordError(
                f"holds markup: {marked[:60]!r}", mend="ask its sender what it is for", where=file
            )
        return run, tuple(self._doubts(run, rows["runs"]["signed_by"][0]))

    def _doubts(self, run: Run, signed_by: str | None) -> Iterator[str]:
        if run.provenance != "measured":
            yield f"{run.provenance}: nobody measured it here, and it is ranked with nothing"
        if run.rig not in self._rigs:
            yield f"no file of content/rigs/ declares {run.rig}"
        yield from self._doubts_of_sender(run, signed_by)
        if run.model.slug not in self._models:
            yield f"no file of content/models/ declares {run.model.slug}, so its sum proves nothing"
        facts = Facts(datetime.now(UTC), self._models)
        consequences: tuple[Consequence, ...] = ("marked", "asked")
        for consequence in consequences:
            yield from doubts_of_run(run, facts, consequence)
            for cell in run.cells:
                for doubt in doubts_of_cell(run, cell, consequence):
                    yield f"{cell.workload} at {cell.concurrency}: {doubt}"

    def _doubts_of_sender(self, run: Run, signed_by: str | None) -> Iterator[str]:
        rig = self._rigs.get(run.rig)
        owner, key = (rig.owner, rig.public_key) if rig else (None, None)
        known = self._site.known_senders
        if run.provenance == "measured":
            if why := why_stranger(run.submitted_by, signed_by, owner, key, known):
                yield f"is shown behind every other: {why}"
            elif self._from_others and not (owner or key):
                yield f"comes from somebody else and says it is of {run.rig}, which is yours"
        if signed_by and signed_by != key:
            yield f"is signed with a key that no file of content/rigs/ gives to {run.rig}"


def is_of(name: str, run_id: str) -> bool:
    """Whether a run file of this name is that of `run_id`, with which its name ends."""
    return name.endswith(f"-{run_id}.yaml")


def _words(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for part in value.values():
            yield from _words(part)
    elif isinstance(value, list | tuple):
        for part in value:
            yield from _words(part)
