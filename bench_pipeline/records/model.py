"""A model: one GGUF file, catalogued in `content/models/<slug>.yaml`."""

import re
from typing import Self

from pydantic import Field, model_validator

from bench_pipeline.records.base import Month, Record, Sha256, Slug

_SHAPES = {
    "hf": (r"[\w.-]+/[\w.-]+", "`hf:owner/repo`"),
    # Also what keeps an option or an address from reaching pip as a requirement.
    "wheel": (r"[A-Za-z0-9]([\w.-]*[A-Za-z0-9])?", "`wheel:distribution`"),
    "url": (r"https?://\S+", "`url:https://…`"),
    "file": (r"[/~].*", "`file:/absolute/path`"),
}


class ModelPart(Record):
    """Where (a piece of) the file comes from."""

    source: str = Field(pattern=r"^(hf|wheel|url|file):.+")
    """`hf:owner/repo`, `wheel:distribution`, `url:https://…` or `file:/path`."""
    revision: str | None = Field(default=None, pattern=r"^\w[\w.+!/-]*$")
    """Commit or tag on the hub, version of the wheel; not used by `url:` and `file:`."""
    file: str | None = None
    """Path inside the repo or wheel; not used by `url:` and `file:`."""

    @model_validator(mode="after")
    def _says_which_file(self) -> Self:
        kind, _, rest = self.source.partition(":")
        pattern, shape = _SHAPES[kind]
        if not re.fullmatch(pattern, rest):
            raise ValueError(f"a source of this kind reads {shape}")
        if kind in ("hf", "wheel") and not (self.revision and self.file):
            raise ValueError(f"{shape} needs `revision` and `file`")
        if ".." in (self.file or "").split("/"):
            raise ValueError("`file` may not lead upwards")
        return self


class ModelFile(Record):
    """One GGUF file that can be fetched and measured."""

    slug: Slug
    """The file's stem; leave it out."""
    family: str = Field(min_length=1, max_length=60)
    """Models trained and released together: `Gemma-3`."""
    released: Month
    """When the family was released."""
    variant: str = Field(min_length=1, max_length=60)
    """Size and tuning within the family: `270m-it`."""
    quant: str = Field(min_length=1, max_length=30)
    """How the weights are stored: `Q4_K_M`."""
    creator: str = Field(min_length=1, max_length=80)
    """Who made this file (quantized it)."""
    licence: str
    """SPDX identifier, or the licence's name."""
    reasons: bool = False
    """Whether it streams hidden reasoning tokens before the answer."""
    parts: list[ModelPart] = Field(min_length=1)
    """Pieces in order; more than one are joined end to end."""
    file_name: str = Field(pattern=r"^[\w][\w.+-]*\.gguf$")
    """Its name in the cache and in run files."""
    sha256: Sha256
    """Of the whole file; what comes with another sum is not used."""
    size_bytes: int = Field(gt=0)
    """Of the whole file."""
