"""Which model an imported result is of: one that is known here, or as well as its name tells."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from bench_pipeline.errors import ModelError, RecordError
from bench_pipeline.harness.run_record import model_record
from bench_pipeline.importers.file_names import Named, named, slug_of
from bench_pipeline.importers.known_models import KnownModel, KnownModels
from bench_pipeline.importers.words import plain as plain
from bench_pipeline.records.model import ModelFile
from bench_pipeline.records.run import Model

_HEAD_BYTES = 32 * 2**20
"""A GGUF file holds a vocabulary and a template besides its weights: rarely more than this."""
_ROUNDED = 0.006
"""A table rounds sizes to two decimals."""
_ANOTHER = 0.03
"""By so much two counts of weights differ only between two models."""


@dataclass(frozen=True)
class Described:
    """What the one who imports says of the model: its slug here, or for one that is not known
    what no file tells (`released`) or its name tells badly."""

    slug: str | None = None
    released: str | None = None
    family: str | None = None
    variant: str | None = None
    quant: str | None = None
    creator: str | None = None

    @property
    def of_one_model(self) -> bool:
        """Whether it can be true of one model only; a month and a family are of a whole release."""
        return bool(self.slug or self.variant or self.quant)


@dataclass(frozen=True)
class Subject:
    """What a result says of its model; empty or 0 where it does not."""

    path: str
    """Of its file, or its name."""
    type: str = ""
    """In the engine's words: `llama 8B Q4_K - Medium`."""
    size_bytes: int = 0
    """Of the weights."""
    parameters: int = 0
    exact: bool = True
    """False: of a table, which rounds both."""


@dataclass(frozen=True)
class NamedModel:
    model: Model
    unknown: str = ""
    """What cannot be told of it."""


def model_of(
    subject: Subject,
    said: Described,
    catalogue: Mapping[str, ModelFile],
    known: KnownModels,
    where: str,
) -> NamedModel:
    """The model that was measured, under the name that it has here if it has one.

    A catalogued one is checked by the size of its weights; its sum stays unknown, for the file
    itself was not seen. ModelError or RecordError if it is not that one, or not described.
    """
    name = named(subject.path, subject.type)
    if (entry := _catalogued(said.slug, name, catalogue, known, where)) is not None:
        _check_size(entry, subject, where)
        _check_month(entry.released, f"content/models/{entry.slug}.yaml", said, where)
        record = model_record(entry)
        return NamedModel(
            record.model_copy(
                update={
                    "sha256": None,
                    "source": None,
                    "parameters": subject.parameters if subject.exact else None,
                }
            )
        )
    if said.slug is not None:
        asked = known.by_slug[said.slug]
        _check_month(asked.released, asked.where, said, where)
        return NamedModel(_as_known(asked, name, subject, said))
    family, variant, quant = _words(name, said, where)
    slug = _slug(name, family, variant, quant, said, where)
    creator = said.creator or name.creator
    found = known.by_slug.get(slug)
    if found is not None and not _same(found, subject, quant, creator):
        size = f"{subject.parameters / 1e9:.3g}b" if subject.parameters else ""
        ending = variant if slug_of(variant) not in slug else size
        other_maker = found.creator and creator and found.creator.lower() != creator.lower()
        slug = slug_of(slug, creator if other_maker else ending)
        found = known.by_slug.get(slug)
        if found is not None and not _same(found, subject, quant, creator):
            raise RecordError(
                f"its model would be called {slug}, as another one is ({found.where})",
                mend="give `--family` and `--variant` that tell them apart",
                where=where,
            )
    unknown = ""
    if name.by_the_engine and not said.family:
        words = plain(subject.type) or "nothing"
        unknown = (
            f"Which model it is: no name of it was kept; `{words}` are the engine's words for its "
            "architecture and size."
        )
    if found is not None:
        _check_month(found.released, found.where, said, where)
        return NamedModel(_as_known(found, name, subject, said), unknown)
    relative = known.family(family)
    if relative is not None:
        family = relative.family
    released = said.released or (relative.released if relative else None)
    if released is None:
        raise ModelError(
            f"the catalogue has no `{plain(name.file_name or subject.type)}`, and its file does "
            "not tell when the model was released",
            mend="give `--released YYYY-MM`, or `--model` with a slug of content/models",
            where=where,
        )
    if not re.fullmatch(r"\d{4}-(0[1-9]|1[0-2])", released):
        raise ModelError(
            f"`{plain(released)}` is no month", mend="give `--released YYYY-MM`", where=where
        )
    model = Model(
        slug=slug,
        family=plain(family),
        released=released,
        variant=plain(variant),
        quant=plain(quant, 30),
        creator=plain(creator, 80) or None,
        file_name=plain(name.file_name, 120) or None,
        parameters=(subject.parameters or None) if subject.exact else None,
    )
    known.add(model, "this import")
    return NamedModel(model, unknown)


def _words(name: Named, said: Described, where: str) -> tuple[str, str, str]:
    family = said.family or name.family
    if not family:
        raise ModelError(
            "does not name its model",
            mend="give `--family` and `--variant` (and `--quant`), or `--model`",
            where=where,
        )
    return family, said.variant or name.variant or "unnamed", said.quant or name.quant or "unnamed"


def _slug(name: Named, family: str, variant: str, quant: str, said: Described, where: str) -> str:
    if name.by_the_engine or not name.stem:
        blob = "" if said.family else name.blob
        slug = slug_of(family, variant, quant, blob)
    elif said.family and said.variant and not name.file_name.lower().endswith(".gguf"):
        slug = slug_of(family, variant, quant)
    elif said.quant and said.quant.lower() != name.quant.lower():
        slug = slug_of(name.stem, said.quant)
    else:
        slug = slug_of(name.stem)
    if not slug:
        raise RecordError(
            f"its model is called `{plain(name.file_name)}`, of which no name can be made",
            mend="give `--family` and `--variant`, or rename that file and measure again",
            where=where,
        )
    return slug


def _same(found: KnownModel, subject: Subject, quant: str, creator: str) -> bool:
    """Whether nothing speaks against it: weights counted, quant and maker."""
    ours, theirs = subject.parameters, found.parameters
    if ours and theirs and abs(ours - theirs) > _ANOTHER * max(ours, theirs):
        return False
    if found.creator and creator and found.creator.lower() != creator.lower():
        return False
    words = {quant.lower(), found.quant.lower()}
    return len(words) == 1 or "unnamed" in words


def _as_known(found: KnownModel, name: Named, subject: Subject, said: Described) -> Model:
    """Its page keeps its name: that of the run is the one that stands there."""
    return Model(
        slug=found.slug,
        family=found.family,
        released=found.released,
        variant=found.variant,
        quant=found.quant,
        creator=found.creator or plain(said.creator or name.creator, 80) or None,
        file_name=plain(name.file_name, 120) or None,
        parameters=(subject.parameters or None) if subject.exact else None,
    )


def _check_month(released: str, source: str, said: Described, where: str) -> None:
    if said.released and said.released != released:
        raise ModelError(
            f"its model stands here already, as released in {released} ({source}), not in "
            f"{plain(said.released)}",
            mend="leave `--released` out; or correct that file, if it is the one that errs",
            where=where,
        )


def _check_size(entry: ModelFile, subject: Subject, where: str) -> None:
    spare = 0 if subject.exact else _ROUNDED * subject.size_bytes
    low, high = entry.size_bytes - _HEAD_BYTES - spare, entry.size_bytes + spare
    if (subject.size_bytes or subject.exact) and not low <= subject.size_bytes <= high:
        raise RecordError(
            f"its model has {subject.size_bytes:,} bytes of weights, {entry.slug} is a file of "
            f"{entry.size_bytes:,}: not the same",
            mend="give the right `--model`, or rename the file that was measured",
            where=where,
        )


def _catalogued(
    wanted: str | None,
    name: Named,
    catalogue: Mapping[str, ModelFile],
    known: KnownModels,
    where: str,
) -> ModelFile | None:
    if wanted is not None:
        if wanted not in catalogue and wanted not in known.by_slug:
            raise ModelError(
                f"no model `{plain(wanted)}`",
                mend=f"choose from: {', '.join(catalogue) or 'none yet'}; or leave `--model` out",
                where=where,
            )
        return catalogue.get(wanted)
    by_name = {entry.file_name.lower(): entry for entry in catalogue.values()}
    return by_name.get(name.file_name.lower()) or catalogue.get(slug_of(name.stem))
