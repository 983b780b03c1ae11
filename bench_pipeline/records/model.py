"""A model: one GGUF file, catalogued in `content/models/<slug>.yaml`."""

from pydantic import Field

from bench_pipeline.records.base import Month, Record, Sha256, Slug


class ModelPart(Record):
    """Where (a piece of) the file comes from.

    source    `hf:owner/repo`, `wheel:distribution`, `url:https://…` or `file:/path`
    revision  commit or tag on the hub, version of the wheel; not used by `url:` and `file:`
    file      path inside the repo or wheel; not used by `url:` and `file:`
    """

    source: str = Field(pattern=r"^(hf|wheel|url|file):.+")
    revision: str | None = None
    file: str | None = None


class ModelFile(Record):
    slug: Slug
    family: str = Field(min_length=1, max_length=60)
    released: Month
    """When the family was released."""
    variant: str = Field(min_length=1, max_length=60)
    quant: str = Field(min_length=1, max_length=30)
    creator: str = Field(min_length=1, max_length=80)
    """Who made this file (quantized it)."""
    licence: str
    reasons: bool = False
    """Whether it streams hidden reasoning tokens before the answer."""
    parts: list[ModelPart] = Field(min_length=1)
    """Pieces in order; more than one are joined end to end."""
    file_name: str = Field(pattern=r"^[\w][\w.+-]*\.gguf$")
    sha256: Sha256
    size_bytes: int = Field(gt=0)
