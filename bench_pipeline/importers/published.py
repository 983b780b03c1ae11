"""Figures that a page prints, typed off into a table: as printed, with their source.

A CSV has a line for each figure, a YAML file the same under `rows`, with `all` for what is the
same of every row and `machine` for the inventory as the page prints it. A decode rate of one of
our workloads becomes a cell; everything else stands in the run's `printed`. docs/import.md has the
keys.
"""

import csv
import hashlib
import json
import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from bench_pipeline.errors import RecordError
from bench_pipeline.importers.cards import UNKNOWN, vendor_of
from bench_pipeline.importers.known_models import KnownModels
from bench_pipeline.importers.model_names import Described, Subject, model_of, plain
from bench_pipeline.paths import Project
from bench_pipeline.records.base import Month, Slug
from bench_pipeline.records.campaign import Mode
from bench_pipeline.records.cell import (
    Cell,
    Printed,
    PrintedFigure,
    Published,
    Quantity,
    Statistic,
)
from bench_pipeline.records.inventory import Cpu, Gpu, Inventory, Memory, OperatingSystem
from bench_pipeline.records.rig import Backend, Rig
from bench_pipeline.records.run import Engine, Model, Run, Source
from bench_pipeline.records.workload import Workload
from bench_pipeline.records.yaml.declared import no_rig
from bench_pipeline.records.yaml.files import (
    read_what_can_be,
    run_files,
    write_run,
)
from bench_pipeline.records.yaml.model_files import read_catalogue
from bench_pipeline.records.yaml.strict import parse_yaml, printable

_NUMBER = r"\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?"
_VALUE = re.compile(
    rf"[~≈]?\s*(?P<low>{_NUMBER})(?:\s*(?:–|—|-|to|…|\.\.)\s*(?P<high>{_NUMBER}))?(?:\s*[^\d\s].*)?"
)
QUANT_UNKNOWN = "not said"


R = TypeVar("R", bound=BaseModel)


def _empty(value: Any) -> Any:
    return None if isinstance(value, str) and not value.strip() else value


class Figure(BaseModel):
    """A line: one figure, with everything that the page says of it."""

    model_config = ConfigDict(extra="forbid", frozen=True, coerce_numbers_to_str=True)

    rig: Slug
    backend: Backend
    what: Quantity
    value: str = Field(min_length=1, max_length=60)
    source_title: str = Field(min_length=1)
    source_url: str = Field(pattern=r"^https?://[^\s<>\"]+$")
    source_note: str | None = None
    seen_on: date
    engine: str = "llama.cpp"
    build: str = "unknown"
    mode: Mode = "baseline"
    power_cap_w: Annotated[float, Field(gt=0)] | None = None
    model: Slug | None = None
    family: str | None = None
    variant: str | None = None
    quant: str | None = None
    creator: str | None = None
    released: Month | None = None
    workload: str | None = None
    concurrency: Annotated[int, Field(ge=1)] | None = None
    statistic: Statistic | None = None
    n: Annotated[int, Field(ge=1)] | None = None
    prompt_tokens: Annotated[int, Field(ge=0)] | None = None
    output_tokens: Annotated[int, Field(ge=0)] | None = None
    depth_tokens: Annotated[int, Field(ge=0)] | None = None
    cards: str | None = None
    cpu: str | None = None
    gpu: str | None = None
    os: str | None = None
    run_id: Annotated[str, Field(pattern=r"^[0-9a-f]{12}$")] | None = None

    @property
    def bounds(self) -> tuple[float, float | None]:
        """The number, and of a range its upper end. ValueError where it is none."""
        match = _VALUE.fullmatch(self.value.strip())
        if not match:
            raise ValueError(f"`value`: `{self.value}` is no number and no range")
        low, high = (part and float(part.replace(",", "")) for part in match.group("low", "high"))
        if high is not None and float(high) < float(low or 0):
            raise ValueError(f"`value`: `{self.value}` falls")
        return float(low or 0), None if high is None else float(high)


def publish_figures(file: Path, project: Project) -> list[Path]:
    """Writes a run for each configuration of `file`; the paths of the new run files. RecordError,
    before anything is written, names file, line and mend."""
    figures, machine = _read(file)
    rigs, _ = read_what_can_be(Rig, project.rigs)
    workloads = set(read_what_can_be(Workload, project.workloads)[0])
    catalogue, _ = read_catalogue(project.models)
    known = KnownModels(catalogue, project.runs)
    groups: dict[str, list[tuple[Figure, str]]] = defaultdict(list)
    for figure, place in figures:
        if figure.rig not in rigs:
            raise no_rig(project.rigs, figure.rig, place)
        key = figure.model_dump(
            mode="json",
            include={
                *("rig", "backend", "engine", "build", "mode", "power_cap_w", "model", "family"),
                *("variant", "quant", "creator", "source_url", "run_id", "gpu", "cpu"),
            },
        )
        groups[json.dumps(key, sort_keys=True)].append((figure, place))
    runs = []
    for group in groups.values():
        first, place = group[0]
        said = Described(
            first.model if first.model in {*catalogue, *known.by_slug} else None,
            *(first.released, first.family, first.variant, first.quant or QUANT_UNKNOWN),
            first.creator,
        )
        model = model_of(Subject("", exact=False), said, catalogue, known, place).model
        if first.model and said.slug is None:
            model = model.model_copy(update={"slug": first.model})
        runs.append(_run(group, model, machine, workloads))
    return _write(runs, project, file)


def _read(file: Path) -> tuple[list[tuple[Figure, str]], Inventory | None]:
    try:
        data = file.read_bytes()
        text = data.decode("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise RecordError(
            f"cannot be read: {error}", mend="give a CSV or YAML file in UTF-8", where=file
        ) from None
    machine = None
    if file.suffix.lower() in (".yaml", ".yml"):
        document = parse_yaml(data, file)
        if unknown := document.keys() - {"all", "machine", "rows"}:
            raise RecordError(
                f"unknown key `{printable(str(min(unknown, key=str)))}`",
                mend="its keys are `all`, `machine` and `rows`",
                where=file,
            )
        shared = document.get("all") or {}
        rows = [({**shared, **row}, f"{file}, row {n}") for n, row in _mappings(document, file)]
        if document.get("machine") is not None:
            machine = _checked(Inventory, document["machine"], f"{file}, machine")
    else:
        reader = csv.DictReader(text.splitlines(), restkey="")
        rows = [
            ({k: v for k, v in row.items() if _empty(v) is not None}, f"{file}:{reader.line_num}")
            for row in reader
        ]
    if not rows:
        raise RecordError("holds no row", mend="write a line for each figure", where=file)
    found = []
    for row, place in rows:
        figure = _checked(Figure, row, place)
        try:
            figure.bounds  # noqa: B018 - asked for what it refuses
        except ValueError as error:
            raise _refused(str(error), place) from None
        found.append((figure, place))
    return found, machine


def _mappings(document: Mapping[str, Any], file: Path) -> list[tuple[int, dict[str, Any]]]:
    rows = document.get("rows")
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise RecordError("`rows` is no list of figures", mend="see docs/import.md", where=file)
    return list(enumerate(rows, 1))


def _checked(kind: type[R], value: Any, place: str) -> R:
    try:
        return kind.model_validate(value)
    except ValidationError as error:
        fault = error.errors(include_url=False)[0]
        key = printable(".".join(map(str, fault["loc"])))
        raise _refused(f"`{key}`: {fault['msg']}", place) from None


def _refused(problem: str, place: str) -> RecordError:
    return RecordError(
        problem, mend="write it as docs/import.md says, or leave it out if unknown", where=place
    )


def _run(
    group: Sequence[tuple[Figure, str]],
    model: Model,
    machine: Inventory | None,
    workloads: set[str],
) -> Run:
    first, _ = group[0]
    cells: list[Cell] = []
    printed: list[PrintedFigure] = []
    for figure, place in group:
        low, high = figure.bounds
        if (
            figure.what == "decode_tok_s"
            and figure.workload in workloads
            and figure.concurrency is not None
            and high is None
            and figure.statistic is None
            and figure.n is None
        ):
            if any(
                (c.workload, c.concurrency) == (figure.workload, figure.concurrency) for c in cells
            ):
                raise _refused("a second figure of one workload and concurrency", place)
            cells.append(
                Cell(
                    workload=str(figure.workload),
                    concurrency=figure.concurrency,
                    published=Published(decode_tok_s=low),
                )
            )
            continue
        printed.append(
            PrintedFigure(
                number=len(printed),
                what=figure.what,
                value=low,
                high=high,
                printed=plain(figure.value),
                statistic=figure.statistic or (None if high is None else "range"),
                n=figure.n,
                label=plain(figure.workload) if figure.workload else None,
                concurrency=figure.concurrency,
                prompt_tokens=figure.prompt_tokens,
                output_tokens=figure.output_tokens,
                depth_tokens=figure.depth_tokens,
                power_cap_w=figure.power_cap_w,
            )
        )
    run = Run(
        schema_version=4,
        run_id=first.run_id or "0" * 12,
        provenance="published",
        source=Source(
            title=plain(first.source_title, 120),
            url=first.source_url,
            note=plain(first.source_note or "", 1500),
        ),
        status="ok",
        rig=first.rig,
        backend=first.backend,
        mode=first.mode,
        power_cap_w=first.power_cap_w,
        inventory=machine or _inventory(first),
        engine=Engine(name=plain(first.engine, 40), build=plain(first.build, 40)),
        model=model,
        cells=cells,
        printed=Printed(seen_on=first.seen_on, cards=first.cards, figures=printed)
        if printed
        else None,
    )
    if first.run_id:
        return run
    said = run.model_dump(mode="json", exclude_none=True, exclude={"inventory"})
    digest = hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()
    return run.model_copy(update={"run_id": digest[:12]})


def _inventory(first: Figure) -> Inventory:
    names = [name.strip() for name in re.split(r"\s\+\s", first.gpu or "") if name.strip()]
    told = {"cpu": first.cpu, "gpu": first.gpu, "os": first.os, "cards": first.cards}
    return Inventory(
        cpu=Cpu(model=plain(first.cpu or UNKNOWN, 120)),
        memory=Memory(),
        os=OperatingSystem(name=plain(first.os or UNKNOWN, 120)),
        gpus=[
            Gpu(index=index, vendor=vendor_of(name), name=plain(name, 120))
            for index, name in enumerate(names)
        ],
        as_printed={key: plain(words, 300) for key, words in told.items() if words},
    )


def _write(runs: Sequence[Run], project: Project, file: Path) -> list[Path]:
    known = {path.stem.rsplit("-", 1)[-1] for path in run_files(project.runs)}
    new = [run for run in runs if run.run_id not in known]
    if not new:
        raise RecordError(
            "was brought here before: run files hold all of it",
            mend="nothing is to be done; to bring it differently, delete those run files first",
            where=file,
        )
    return [write_run(run, project.runs) for run in new]
