"""Runs from what people measured by themselves: llama-bench's output in all its forms, and what
other programs print.

One run for each model, build, backend, set of settings and session. Its tests stand in
`bare_engine`, for there was no server; what another program printed stands in `printed`. What the
files do not say stays unknown. The same result is never imported twice, not even for another rig.
"""

import json
import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from bench_pipeline.errors import BenchError, RecordError
from bench_pipeline.importers import documents
from bench_pipeline.importers.backends import backend_of
from bench_pipeline.importers.cards import UNKNOWN as UNKNOWN
from bench_pipeline.importers.cards import cards_of
from bench_pipeline.importers.engines_named import engine_of
from bench_pipeline.importers.file_names import named
from bench_pipeline.importers.known_models import KnownModels
from bench_pipeline.importers.machines import check_machine, refuse_several_machines
from bench_pipeline.importers.model_names import Described, NamedModel, Subject, model_of, plain
from bench_pipeline.importers.repetitions import Earlier, once
from bench_pipeline.importers.rows import Foreign, Found, Passed, Test
from bench_pipeline.importers.runs import (
    Place,
    bare_test,
    bare_tests,
    run_of,
    run_of_foreign,
    sessions,
)
from bench_pipeline.paths import Project
from bench_pipeline.records.inventory import Cpu, Inventory, Memory, OperatingSystem
from bench_pipeline.records.rig import Backend
from bench_pipeline.records.run import Engine, Run
from bench_pipeline.records.yaml.declared import known_rig
from bench_pipeline.records.yaml.files import write_run
from bench_pipeline.records.yaml.model_files import read_catalogue

NO_BUILD = "Its build: the file does not name it."
NO_ENGINE = "Its engine: the file does not name what answered."
NOT_NAMED = "engine not named"


@dataclass
class Imported:
    """Run files written, those that held results already, and what was not taken."""

    written: list[Path] = field(default_factory=list)
    known: list[Path] = field(default_factory=list)
    passed: list[Passed] = field(default_factory=list)


@dataclass(frozen=True)
class Asked:
    """What the one who imports says, besides the model."""

    rig: str
    backend: Backend | None = None
    engine: str | None = None
    """Its name, of a fork or of another engine."""
    build: str | None = None
    """Of an engine whose file names none."""
    source_title: str | None = None
    source_url: str = ""


def import_llama_bench(
    file: Path,
    *,
    project: Project,
    rig: str,
    model: Described | None = None,
    backend: Backend | None = None,
    source_title: str | None = None,
    source_url: str = "",
) -> Imported:
    """`import_results` of one file."""
    asked = Asked(rig, backend, source_title=source_title, source_url=source_url)
    return import_results([file], asked, project=project, model=model)


def import_results(
    names: Sequence[str | Path],
    asked: Asked,
    *,
    project: Project,
    model: Described | None = None,
) -> Imported:
    """Writes the runs of files, folders, patterns and `-`, measured on the rig `asked.rig`.

    RecordError or ModelError, before anything is written, where they leave open what a run must
    say, are of several machines, or hold nothing new. Of several files one that cannot be taken
    is passed over, and named in `passed`.
    """
    return _Import(asked, project, model or Described()).of(names)


class _Import:
    def __init__(self, asked: Asked, project: Project, said: Described) -> None:
        if asked.source_url and not re.fullmatch(r"https?://[^\s<>\"]+", asked.source_url):
            raise RecordError(
                f"`{plain(asked.source_url)}` is no web address",
                mend="give `--source-url https://...`, or leave it out",
            )
        self.asked, self.project, self.said = asked, project, said
        self.rig = known_rig(project.rigs, asked.rig)
        self.catalogue, _ = read_catalogue(project.models)
        self.known = KnownModels(self.catalogue, project.runs)
        self.done = Imported()

    def of(self, names: Sequence[str | Path]) -> Imported:
        files = documents.files_of(names)
        found = Found()
        first_error: BenchError | None = None
        for file in files:
            try:
                found.add(self._checked(file))
            except BenchError as error:
                if len(files) == 1:
                    raise
                first_error = first_error or error
                self.done.passed.append(
                    Passed(str(error.where or file), f"{error.problem} (mend: {error.mend})")
                )
        self.done.passed += found.passed
        if first_error and not found.tests and not found.foreign:
            raise first_error
        tests, twice = once(found.tests)
        self.done.passed += twice
        refuse_several_machines(tests)
        check_machine(tests, self.rig, self.project)
        runs = [run for group in self._groups(tests) for run in self._runs(group)]
        runs += self._foreign_runs(found.foreign)
        return self._write(runs, files)

    def _checked(self, file: Path) -> Found:
        """What `file` holds, if a run can say all that it must of each test."""
        found = documents.found_in(file)
        self._refuse_one_name_for_many(found, file)
        for test in found.tests:
            self._check_declared(backend_of(test, self.asked.backend))
            self._model(test)
        for each in found.foreign:
            self._check_declared(self._foreign_backend(each))
            self._foreign_model(each)
        return found

    def _refuse_one_name_for_many(self, found: Found, file: Path) -> None:
        models = {(t.row.model_filename or t.row.model_type, t.row.model_size) for t in found.tests}
        models |= {(each.model_name, 0) for each in found.foreign}
        if len(models) < 2:
            return
        if self.said.of_one_model:
            raise RecordError(
                f"holds results of {len(models)} models, so none can be said to be the model's",
                mend="write one file for each model",
                where=file,
            )
        families = {
            named(t.row.model_filename, t.row.model_type).family.lower() for t in found.tests
        }
        if len(families) > 1 and (self.said.released or self.said.family):
            raise RecordError(
                f"holds results of {len(families)} families of models, of which one month or one "
                "name cannot be said",
                mend="write one file for each family",
                where=file,
            )

    def _check_declared(self, backend: Backend) -> None:
        if backend not in self.rig.backends:
            raise RecordError(
                f"the rig declares no backend `{backend}`, on which this was measured",
                mend=f"add `{backend}: {{}}` to its `backends`, or name another rig",
                where=self.project.rigs / f"{self.rig.slug}.yaml",
            )

    def _model(self, test: Test) -> NamedModel:
        row = test.row
        exact = bool(row.cpu_info or row.test_time)
        subject = Subject(
            row.model_filename, row.model_type, row.model_size, row.model_n_params, exact
        )
        return model_of(subject, self.said, self.catalogue, self.known, test.place)

    def _groups(self, tests: Sequence[Test]) -> list[list[Test]]:
        """Of one configuration and session each."""
        groups: dict[str, list[Test]] = defaultdict(list)
        for test in tests:
            row = test.row
            said = [
                *(row.model_filename, row.model_type, row.model_size, row.build_number),
                *(row.build_commit, row.cpu_info, row.gpu_info, test.gpus_of_log, row.settings),
            ]
            groups[json.dumps(said, sort_keys=True)].append(test)
        return [part for group in groups.values() for part in sessions(group)]

    def _runs(self, tests: list[Test]) -> list[Run]:
        """One run of these tests; none if all of them stand here already."""
        first = tests[0]
        named_model = self._model(first)
        engine, unclear = engine_of(first.row, self.asked.engine)
        backend = backend_of(first, self.asked.backend)
        place = Place(
            rig=self.rig.slug,
            backend=backend,
            model=named_model.model,
            engine=engine,
            unknown=tuple(filter(None, (named_model.unknown, unclear))),
            source_title=self.asked.source_title,
            source_url=self.asked.source_url,
        )
        cards = cards_of(first, backend)
        whole = run_of(tests, bare_tests(tests), place, cards)
        new = []
        for test in tests:
            holder = self._earlier.holder(whole, bare_test(test.row))
            if holder is None:
                new.append(test)
            elif holder not in self.done.known:
                self.done.known.append(holder)
        return [run_of(new, bare_tests(new), place, cards)] if new else []

    @property
    def _earlier(self) -> Earlier:
        if not hasattr(self, "_read_earlier"):
            self._read_earlier = Earlier(self.project.runs)
        return self._read_earlier

    def _foreign_backend(self, each: Foreign) -> Backend:
        if self.asked.backend is None:
            raise RecordError(
                f"is of {each.program}, which does not tell on which backend it computed",
                mend="give `--backend`",
                where=each.place,
            )
        return self.asked.backend

    def _foreign_model(self, each: Foreign) -> NamedModel:
        path = each.model_name.replace(":", "-")
        return model_of(
            Subject(path, exact=False), self.said, self.catalogue, self.known, each.place
        )

    def _foreign_runs(self, found: Sequence[Foreign]) -> list[Run]:
        groups: dict[str, list[Foreign]] = defaultdict(list)
        for each in found:
            day = each.when.date().isoformat() if each.when else ""
            said = [each.program, each.file, each.model_name, day, dict(each.settings)]
            groups[json.dumps(said, sort_keys=True)].append(each)
        runs = []
        for results in groups.values():
            first, model = results[0], self._foreign_model(results[0])
            name = plain(self.asked.engine or first.engine or "", 40)
            untold = ["" if name else NO_ENGINE, "" if self.asked.build else NO_BUILD]
            place = Place(
                rig=self.rig.slug,
                backend=self._foreign_backend(first),
                model=model.model,
                engine=Engine(
                    name=name or NOT_NAMED, build=plain(self.asked.build or "unknown", 40)
                ),
                unknown=tuple(filter(None, (model.unknown, *untold))),
                source_title=self.asked.source_title,
                source_url=self.asked.source_url,
            )
            inventory = Inventory(
                cpu=Cpu(model=UNKNOWN),
                memory=Memory(),
                os=OperatingSystem(name=UNKNOWN),
                as_printed={"program": first.program},
            )
            run = run_of_foreign(results, place, inventory)
            if holder := self._earlier.printed(run):
                self.done.known.append(holder)
            else:
                runs.append(run)
        return runs

    def _write(self, runs: Sequence[Run], files: Sequence[Path]) -> Imported:
        for run in runs:
            if same := next(self.project.runs.glob(f"*/*/*-{run.run_id}.yaml"), None):
                self.done.known.append(same)
            else:
                self.done.written.append(write_run(run, self.project.runs))
        if not self.done.written:
            held = self.done.known[0].relative_to(self.project.root)
            raise RecordError(
                f"was imported before: {held} holds it",
                mend="nothing is to be done; to import it differently, delete that run file first",
                where=", ".join(map(str, files[:3])),
            )
        return self.done
