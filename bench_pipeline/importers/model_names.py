"""Which model an imported result is of: the catalogue's, or as well as its file's name tells."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from bench_pipeline.engines.llama_cpp.llama_bench_output import BenchRow
from bench_pipeline.engines.llama_cpp.log_reading import scrub
from bench_pipeline.errors import ModelError, RecordError
from bench_pipeline.harness.run_record import model_record
from bench_pipeline.records.model import ModelFile
from bench_pipeline.records.run import Model

_HEAD_BYTES = 32 * 2**20
"""A GGUF file holds a vocabulary and a template besides its weights: rarely more than this."""

_PART = re.compile(r"-\d{5}-of-\d{5}$")
_QUANT = re.compile(
    r"[-._](?P<quant>(?:UD-)?(?:I?Q\d\w*|TQ\d_\d|MXFP4\w*|NVFP4|BF16|F16|F32))$", re.IGNORECASE
)
_SIZE = re.compile(r"[-_ ](?P<size>\d+(?:\.\d+)?(?:x\d+(?:\.\d+)?)?[BM]\b.*)$", re.IGNORECASE)
_TYPE = re.compile(r"^(?P<family>.+?) (?P<size>\?|[\d.x]+)(?P<unit>[BMK]\S*) (?P<quant>.+)$")
_MIX = re.compile(r" - (Small|Medium|Large)\b.*$")


@dataclass(frozen=True)
class Described:
    """What the one who imports says of the model: its catalogued slug, or for one that the
    catalogue lacks what no file tells (`released`) or its name tells badly."""

    slug: str | None = None
    released: str | None = None
    family: str | None = None
    variant: str | None = None


def plain(text: str, length: int = 60) -> str:
    """A stranger's text in one line: no private folder, nothing unprintable, not too long."""
    words = "".join(c if c.isprintable() else " " for c in scrub(text)).split()
    line = " ".join(words)
    return line if len(line) <= length else f"{line[: length - 1]}…"


def model_of(
    row: BenchRow, said: Described, catalogue: Mapping[str, ModelFile], where: Path
) -> Model:
    """The model that `row` was measured with.

    A catalogued one is checked by the size of its weights; its sum stays unknown, for the file
    itself was not seen. ModelError or RecordError if it is not that one, or not described.
    """
    name = re.split(r"[\\/]", row.model_filename)[-1]
    stem = _PART.sub("", re.sub(r"\.gguf$", "", name, flags=re.IGNORECASE))
    slug = re.sub(r"[^a-z0-9._-]+", "-", stem.lower()).lstrip("._-")[:80]
    parameters = row.model_n_params or None
    if (entry := _catalogued(said.slug, name, slug, catalogue, where)) is not None:
        if not entry.size_bytes - _HEAD_BYTES <= row.model_size <= entry.size_bytes:
            raise RecordError(
                f"its model has {row.model_size:,} bytes of weights, {entry.slug} is a file of "
                f"{entry.size_bytes:,}: not the same",
                mend="give the right `--model`, or rename the file that was measured",
                where=where,
            )
        known = model_record(entry)
        return known.model_copy(update={"sha256": None, "source": None, "parameters": parameters})
    if not slug:
        raise RecordError(
            f"its model is called `{plain(name)}`, of which no name can be made",
            mend="rename that file and measure again",
            where=where,
        )
    if said.released is None:
        raise ModelError(
            f"the catalogue has no `{plain(name)}`, and its file does not tell when the model was "
            "released",
            mend="give `--released YYYY-MM`, or `--model` with a slug of content/models",
            where=where,
        )
    if not re.fullmatch(r"\d{4}-(0[1-9]|1[0-2])", said.released):
        raise ModelError(
            f"`{plain(said.released)}` is no month", mend="give `--released YYYY-MM`", where=where
        )
    family, variant, quant = _named(stem, row.model_type)
    return Model(
        slug=slug,
        family=plain(said.family or family),
        released=said.released,
        variant=plain(said.variant or variant),
        quant=plain(quant, 30),
        file_name=plain(name, 120),
        parameters=parameters,
    )


def _catalogued(
    wanted: str | None, name: str, slug: str, catalogue: Mapping[str, ModelFile], where: Path
) -> ModelFile | None:
    if wanted is not None:
        if wanted not in catalogue:
            raise ModelError(
                f"no model `{plain(wanted)}`",
                mend=f"choose from: {', '.join(catalogue) or 'none yet'}; or leave `--model` out",
                where=where,
            )
        return catalogue[wanted]
    by_name = {entry.file_name.lower(): entry for entry in catalogue.values()}
    return by_name.get(name.lower()) or catalogue.get(slug)


def _named(stem: str, model_type: str) -> tuple[str, str, str]:
    """(family, variant, quant): `Qwen3`, `8B-it`, `Q4_K_M` of `Qwen3-8B-it-Q4_K_M`; where the
    name tells less, of the engine's words, `qwen3 8B Q4_K - Medium`."""
    words = _TYPE.match(model_type)
    family, variant, quant = stem, "", ""
    if match := _QUANT.search(stem):
        family, quant = stem[: match.start()], match["quant"].upper()
    if match := _SIZE.search(family):
        family, variant = family[: match.start()], match["size"]
    if words:
        mixed = _MIX.sub(lambda mix: f"_{mix[1][0]}", words["quant"])
        quant = quant or re.sub(r"^(all|mostly) | - .*$", "", mixed)
        variant = variant or (words["size"] + words["unit"]).replace("?B", "")
    return family, variant or "unnamed", quant or "unnamed"
