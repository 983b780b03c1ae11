"""A model: one GGUF file, or one in shards, or a folder of safetensors, catalogued in
`content/models/<slug>.yaml`; several quants of one model may stand there under one head."""

import hashlib
import re
from collections.abc import Iterable
from fnmatch import fnmatchcase
from typing import Literal, Self

from pydantic import Field, ValidationError, model_validator

from bench_pipeline.records.base import Month, Record, Sha256, Size, Slug

_SHAPES = {
    "hf": (r"[\w.-]+/[\w.-]+", "`hf:owner/repo`"),
    # Also what keeps an option or an address from reaching pip as a requirement.
    "wheel": (r"[A-Za-z0-9]([\w.-]*[A-Za-z0-9])?", "`wheel:distribution`"),
    "url": (r"https?://\S+", "`url:https://…`"),
    "file": (r"[/~].*", "`file:/absolute/path`"),
}

Format = Literal["gguf", "safetensors"]
"""What an engine must be able to read: one file (or shards), or a folder of several."""

_NAME = r"^\w[\w.+-]*\.(gguf|safetensors)$"

_SHARD = re.compile(r"(?P<stem>.*)-(?P<number>[0-9]{5})-of-(?P<count>(?!00000)[0-9]{5})\.gguf")
"""As `llama-gguf-split` names them, and as the engine looks for the others beside the first."""


def shard_names(file_name: str) -> list[str]:
    """The names of all shards of the model whose first is `file_name`; of a model in one file,
    its name alone."""
    match = _SHARD.fullmatch(file_name)
    if match is None:
        return [file_name]
    count = int(match["count"])
    return [f"{match['stem']}-{n:05}-of-{count:05}.gguf" for n in range(1, count + 1)]


def sum_of_list(sums: Iterable[tuple[str, str]]) -> str:
    """The one sum of a folder, of `name` and sha256 of each of its files:
    `LC_ALL=C sha256sum * | sha256sum` in it prints the same."""
    lines = [f"{sha256}  {name}\n" for name, sha256 in sorted(sums)]
    return hashlib.sha256("".join(lines).encode()).hexdigest()


class ModelPart(Record):
    """Where (a piece of) the file comes from."""

    source: str = Field(pattern=r"^(hf|wheel|url|file):.+")
    """`hf:owner/repo`, `wheel:distribution`, `url:https://…` or `file:/path`."""
    revision: str | None = Field(default=None, pattern=r"^\w[\w.+!/-]*$")
    """Commit or tag on the hub, version of the wheel; not used by `url:` and `file:`."""
    file: str | None = None
    """Path inside the repo or wheel; not used by `url:` and `file:`."""
    size_bytes: Size | None = None
    """Of this part alone."""
    sha256: Sha256 | None = None
    """Of this part alone: a shard with another sum is found as soon as it is here."""

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

    @property
    def name(self) -> str:
        """The file's own name where it comes from; an address's may be anything."""
        path = self.file or self.source.partition(":")[2].partition("?")[0]
        return path.rsplit("/", 1)[-1]

    @property
    def published(self) -> str:
        """Where it comes from as the world may read it: of a file of this machine its name alone,
        for a path tells who works here."""
        if self.source.startswith("file:"):
            return f"file:{self.name}"
        return f"{self.source}@{self.revision}" if self.revision else self.source


class ModelFile(Record):
    """A model that can be fetched and measured."""

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
    """Pieces in order. More than one are joined end to end; or, where `file_name` is that of a
    first shard or of a folder, kept side by side."""
    file_name: str = Field(pattern=_NAME)
    """Its name in the cache and in run files. A model in shards has its first shard's, which ends
    in `-00001-of-00003.gguf`; there is then a part for each shard. One that ends in `.safetensors`
    is that of a folder, which the engine is given; there is then a part, with size and sum, for
    each file in it."""
    sha256: Sha256
    """Of the whole file, of shards joined end to end (`cat *.gguf | sha256sum`), of a folder of the
    list of its files (`LC_ALL=C sha256sum * | sha256sum` there); what comes with another sum is not
    used."""
    size_bytes: Size
    """Of the whole file, of all shards or files together."""

    @property
    def head(self) -> str:
        """Its slug without the quant and what follows that: `gemma-3-270m`."""
        return self.slug.partition(f"-{self.quant.lower()}")[0]

    def is_named(self, pattern: str) -> bool:
        """Whether `pattern` names it: a pattern of slugs, or of head and quant, `HEAD@QUANT`."""
        head, of_quant, quant = pattern.partition("@")
        if not of_quant:
            return fnmatchcase(self.slug, pattern)
        return fnmatchcase(self.head, head) and fnmatchcase(self.quant.lower(), quant.lower())

    @property
    def format(self) -> Format:
        return "gguf" if self.file_name.endswith(".gguf") else "safetensors"

    @property
    def file_names(self) -> list[str]:
        """Of every file that the engine opens, the one that it is given first."""
        if self.format == "safetensors":
            return [part.name for part in self.parts]
        return shard_names(self.file_name)

    @model_validator(mode="after")
    def _a_folder_has_a_list(self) -> Self:
        if self.format == "gguf":
            return self
        names = self.file_names
        if twice := next((name for name in names if names.count(name) > 1), None):
            raise ValueError(f"two parts are called {twice}, which lie in one folder")
        known = [(part.name, part.sha256) for part in self.parts if part.sha256 and part.size_bytes]
        if len(known) < len(names):
            raise ValueError("of a folder each part has its `sha256` and `size_bytes`")
        if not any(name.endswith(".safetensors") for name in names):
            raise ValueError("`file_name` is that of a folder of safetensors, and no part is one")
        if (whole := sum_of_list((name, str(sha256)) for name, sha256 in known)) != self.sha256:
            raise ValueError(f"`sha256` is {self.sha256}, that of the list of all parts {whole}")
        return self

    @model_validator(mode="after")
    def _shards_stay_shards(self) -> Self:
        """Shards that are joined make a file that no engine opens."""
        own = _SHARD.fullmatch(self.file_name)
        if own and int(own["number"]) != 1:
            raise ValueError(f"`file_name` is that of a later shard; {self.file_names[0]} is first")
        if own and len(self.parts) != len(self.file_names):
            raise ValueError(
                f"`file_name` tells of {len(self.file_names)} shards, `parts` has {len(self.parts)}"
            )
        for number, part in enumerate(self.parts, start=1):
            shard = _SHARD.fullmatch(part.name)
            if shard and not own and int(shard["count"]) > 1:
                raise ValueError(
                    f"{part.name} is a shard, which must not be joined: give `file_name` the name "
                    f"of the first, {shard_names(part.name)[0]}, and a part for each"
                )
            if shard and own and (int(shard["number"]), shard["count"]) != (number, own["count"]):
                raise ValueError(f"part {number} is {part.name}: out of order, or of another model")
        known = [part.size_bytes for part in self.parts if part.size_bytes]
        if len(known) == len(self.parts) and sum(known) != self.size_bytes:
            raise ValueError(
                f"`size_bytes` is {self.size_bytes:,}, that of all parts together {sum(known):,}"
            )
        return self


class Quant(Record):
    """One file under a head; a key that the head has is the head's unless it is given here."""

    slug: Slug | None = None
    """Its name in the catalogue; None: that of the head, `-` and the quant in small letters. It
    begins so in any case: `gemma-3-270m-q4_k_m-unsloth`."""
    quant: str = Field(min_length=1, max_length=30)
    """How the weights are stored: `Q4_K_M`."""
    creator: str | None = Field(default=None, min_length=1, max_length=80)
    """Who made this file; None: as the head says."""
    parts: list[ModelPart] = Field(min_length=1)
    """As of a model in a file of its own."""
    file_name: str = Field(pattern=_NAME)
    """As of a model in a file of its own."""
    sha256: Sha256
    """Of the whole file."""
    size_bytes: Size
    """Of the whole file."""


class ModelHead(Record):
    """Quants of one model, by one maker or several, under one head."""

    slug: Slug
    """The file's stem; leave it out."""
    family: str = Field(min_length=1, max_length=60)
    """As of a model in a file of its own."""
    released: Month
    """When the family was released."""
    variant: str = Field(min_length=1, max_length=60)
    """Size and tuning within the family: `270m-it`."""
    creator: str | None = Field(default=None, min_length=1, max_length=80)
    """Who made the files that name nobody."""
    licence: str
    """SPDX identifier, or the licence's name."""
    reasons: bool = False
    """Whether it streams hidden reasoning tokens before the answer."""
    files: list[Quant] = Field(min_length=1)
    """One for each quant and maker."""

    def _file(self, quant: Quant) -> ModelFile:
        shared = {name: getattr(self, name) for name in ("family", "released", "variant")}
        own = quant.model_dump(exclude_none=True)
        usual = {"slug": f"{self.slug}-{quant.quant.lower()}", "creator": self.creator}
        shared |= {"licence": self.licence, "reasons": self.reasons}
        return ModelFile.model_validate(usual | shared | own)

    @property
    def models(self) -> list[ModelFile]:
        return [self._file(quant) for quant in self.files]

    @model_validator(mode="after")
    def _each_is_a_model(self) -> Self:
        seen: set[str] = set()
        for number, quant in enumerate(self.files):
            try:
                model = self._file(quant)
            except ValidationError as error:
                first = error.errors(include_url=False)[0]
                key = ".".join(map(str, (f"files.{number}", *first["loc"])))
                message = first["msg"].removeprefix("Value error, ")
                raise ValueError(f"{key}: {message}") from None
            begin = f"{self.slug}-{quant.quant.lower()}"
            if not model.slug.startswith(begin):
                raise ValueError(f"files.{number}: `slug` begins with `{begin}`")
            for name in (model.slug, model.sha256):
                if name in seen:
                    raise ValueError(
                        f"files.{number}: `{name}` stands here twice: give each maker's file a"
                        " `slug` of its own, and no file two"
                    )
                seen.add(name)
        return self
