"""Names under which models stand here already: an import keeps to them."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench_pipeline.errors import RecordError
from bench_pipeline.records.model import ModelFile
from bench_pipeline.records.run import Model
from bench_pipeline.records.yaml.files import run_files
from bench_pipeline.records.yaml.strict import parse_yaml

_HEAD_BYTES = 256 * 2**10
_MODEL = re.compile(rb"^model:\n((?:[ ].*\n)+)", re.MULTILINE)
_PROVENANCE = re.compile(rb"^provenance: (\w+)$", re.MULTILINE)
_BETTER = ("catalogue", "measured", "published", "imported")
"""Whose words count before whose."""


@dataclass(frozen=True)
class KnownModel:
    slug: str
    family: str
    released: str
    variant: str
    quant: str
    creator: str | None
    parameters: int | None
    source: str
    """One of `_BETTER`."""
    where: str
    """The file that says so."""


class KnownModels:
    """Of the catalogue and of every run file, by slug and by family."""

    def __init__(self, catalogue: Mapping[str, ModelFile], runs: Path) -> None:
        found = [
            KnownModel(
                entry.slug,
                entry.family,
                entry.released,
                entry.variant,
                entry.quant,
                entry.creator,
                None,
                "catalogue",
                f"content/models/{entry.slug}.yaml",
            )
            for entry in catalogue.values()
        ]
        found += _of_runs(runs)
        found.sort(key=lambda model: _BETTER.index(model.source))
        self.by_slug: dict[str, KnownModel] = {}
        self._families: dict[str, KnownModel] = {}
        for model in found:
            self.by_slug.setdefault(model.slug, model)
            self._families.setdefault(_bare(model.family), model)

    def add(self, model: Model, where: str) -> None:
        """One that is imported just now: the next result of it is the same one's."""
        known = KnownModel(
            model.slug,
            model.family,
            model.released,
            model.variant,
            model.quant,
            model.creator,
            model.parameters,
            "imported",
            where,
        )
        self.by_slug.setdefault(model.slug, known)
        self._families.setdefault(_bare(model.family), known)

    def family(self, name: str) -> KnownModel | None:
        """A model of that family, however its name is spelled."""
        return self._families.get(_bare(name))


def _bare(name: str) -> str:
    return re.sub(r"[^a-z0-9.]", "", name.lower())


def _of_runs(runs: Path) -> list[KnownModel]:
    """What each run file's head says of its model; a file that cannot be read is passed over."""
    found: dict[tuple[bytes, str], KnownModel] = {}
    for path in run_files(runs):
        try:
            with path.open("rb") as file:
                head = file.read(_HEAD_BYTES)
        except OSError:
            continue
        model, provenance = _MODEL.search(head), _PROVENANCE.search(head)
        if not model or not provenance or provenance[1].decode() not in _BETTER:
            continue
        key = model[1], provenance[1].decode()
        if key in found:
            continue
        try:
            said = parse_yaml(model[1], path)
        except RecordError:
            continue
        if known := _known(said, key[1], path.name):
            found[key] = known
    return list(found.values())


def _known(said: Mapping[str, Any], source: str, where: str) -> KnownModel | None:
    names = ("slug", "family", "released", "variant", "quant")
    if not all(isinstance(said.get(name), str) for name in names):
        return None
    parameters = said.get("parameters")
    return KnownModel(
        slug=said["slug"],
        family=said["family"],
        released=said["released"],
        variant=said["variant"],
        quant=said["quant"],
        creator=said.get("creator") if isinstance(said.get("creator"), str) else None,
        parameters=parameters if isinstance(parameters, int) else None,
        source=source,
        where=where,
    )
