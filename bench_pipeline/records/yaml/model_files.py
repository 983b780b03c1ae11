"""The catalogue of models: files of one model, and heads of several."""

import re
from collections.abc import Iterable
from pathlib import Path

from bench_pipeline.errors import RecordError
from bench_pipeline.records.model import ModelFile, ModelHead
from bench_pipeline.records.yaml.files import parse_record
from bench_pipeline.records.yaml.finding import content_of, record_files

_FILES = re.compile(rb"^files:", re.MULTILINE)
"""Only a head has this key."""


class Models:
    """What was read so far. `by_slug` in order of file names and, within a head, of its files."""

    def __init__(self) -> None:
        self.by_slug: dict[str, ModelFile] = {}
        self._heads: dict[str, Path] = {}
        self._sums: dict[str, tuple[str, bool]] = {}

    def add(self, text: bytes, path: Path) -> None:
        """RecordError where it cannot be read, or declares what another file does; then nothing of
        it is added."""
        models, of_a_head = models_of(text, path), _FILES.search(text) is not None
        for model in models:
            other, by_head = self._sums.get(model.sha256, ("", False))
            if model.slug in self.by_slug or (other and (by_head or of_a_head)):
                there = other if other and model.slug not in self.by_slug else model.slug
                raise RecordError(
                    f"declares a file that `{there}` is already: {model.slug}",
                    mend=f"keep one of the two: {self._heads[there].name} has it too",
                    where=path,
                )
        for model in models:
            self.by_slug[model.slug], self._heads[model.slug] = model, path
            self._sums[model.sha256] = model.slug, of_a_head


def models_of(text: bytes, path: Path) -> list[ModelFile]:
    """The models that one file declares: one, or those of a head."""
    if _FILES.search(text):
        return parse_record(ModelHead, text, path).models
    return [parse_record(ModelFile, text, path)]


def read_catalogue(folder: Path) -> tuple[dict[str, ModelFile], list[RecordError]]:
    """Every model by slug, and what is wrong with files that cannot be read."""
    found, broken = Models(), []
    for path in record_files(folder):
        try:
            found.add(content_of(path), path)
        except RecordError as error:
            broken.append(error)
    return found.by_slug, broken


def read_models(folder: Path) -> dict[str, ModelFile]:
    """As `read_catalogue`; RecordError at the first file that cannot be read."""
    found, broken = read_catalogue(folder)
    if broken:
        raise broken[0]
    return found


def read_model(folder: Path, slug: str) -> list[ModelFile] | None:
    """The model `slug`, whatever is wrong with files beside its own; all of a head of that name.
    None if there is none."""
    path = folder / f"{slug}.yaml"
    if path.is_file():
        return models_of(content_of(path), path)
    for head in _heads(folder, slug):
        if found := [m for m in models_of(content_of(head), head) if m.slug == slug]:
            return found
    return None


def _heads(folder: Path, slug: str) -> Iterable[Path]:
    """Files with whose name the slug begins, as that of each model of a head does."""
    return (path for path in record_files(folder) if slug.startswith(f"{path.stem}-"))
