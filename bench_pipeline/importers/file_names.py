"""What the name of a model's file tells of it: family, variant, quant, and who made the file."""

import re
from dataclasses import dataclass

_PART = re.compile(r"-\d{5}-of-\d{5}$")
_QUANT = re.compile(
    r"[-._ ](?P<quant>(?:UD-)?(?:I?Q\d\w*|P?T?Q\d_\d|I2_S|MXFP4\w*|NVFP4|BF16|FP16|F16|F32)|"
    r"FP8(?:-dynamic)?|AWQ|GPTQ(?:-Int\d)?|W\d+A\d+|\dbit)"
    r"(?:[-.](?:i?mat\w*|\d+(?:\.\d+)?bpw|gguf))*$",
    re.IGNORECASE,
)
_SIZE = re.compile(
    r"[-_ ](?P<size>[EA]?\d+(?:\.\d+)?(?:x\d+(?:\.\d+)?)?[BM](?![A-Za-z0-9]).*)$", re.IGNORECASE
)
_WORD = re.compile(
    r"[-_ ](?P<size>(?:h-)?(?:mini|micro|nano|tiny|small|medium|large|air|flash|lite|scout|"
    r"maverick|instruct|chat|it|base|coder|thinking)(?![A-Za-z0-9]).*)$",
    re.IGNORECASE,
)
"""What tells one of a family where no number of weights does: `GLM-4.5-Air`, `Phi-4-mini`."""
_TYPE = re.compile(
    r"^(?P<family>.+?) (?P<size>\?|[A-Z]?[\d.x]+)(?P<unit>[BMK]\S*)"
    r"(?: \((?P<name>\w+)\))? (?P<quant>.+)$"
)
_MIX = re.compile(r" - (Small|Medium|Large)\b.*$")
_CACHED = re.compile(
    r"^(?P<owner>[\w.-]+?)_(?P<repo>[\w.-]*?[-_.]gguf)_(?P<file>.+)$", re.IGNORECASE
)
"""llama.cpp's own cache of `-hf owner/repo`: `owner_repo_file.gguf`."""
_FOLDER = re.compile(r"^(?P<folder>.+?)_(?P<file>(?:.+[-._])?(?P=folder))$", re.IGNORECASE)
"""A file of a folder of that repository: the cache writes its bar as `_` too, and such folders are
called by the quant, or like the file: `Q4_K_M_Fable-7B-Q4_K_M`."""
_HUB = re.compile(r"models--(?P<owner>[^/\\]+?)--[^/\\]+[/\\]snapshots[/\\]")
_MAKERS = re.compile(
    r"^(?:Qwen|google|meta-llama|mistralai|microsoft|deepseek-ai|nvidia|ibm-granite|openai|zai-org|"
    r"THUDM|HuggingFaceTB|allenai|tencent|moonshotai|LiquidAI|baidu|CohereForAI|CohereLabs|"
    r"NousResearch|inclusionAI|MiniMaxAI|ByteDance-Seed|arcee-ai|ai21labs|swiss-ai|tiiuae|internlm|"
    r"LGAI-EXAONE|01-ai|stabilityai|TinyLlama)_"
)
"""The maker that some put before a model's name."""
_NAMELESS = re.compile(r"^(?:sha256[-:_]?)?[0-9a-f]{32,64}$|^blob$", re.IGNORECASE)
_GENERIC = re.compile(r"^(?:ggml-)?model$|^unnamed$|^gguf$", re.IGNORECASE)
"""Names that llama.cpp's own converters gave to every model."""


@dataclass(frozen=True)
class Named:
    """What the name tells; empty where it does not."""

    file_name: str
    stem: str
    """Without shard and ending, and without what a cache put before it."""
    family: str
    variant: str
    quant: str
    creator: str
    by_the_engine: bool
    """Family and variant are the engine's words for its architecture and size."""
    blob: str = ""
    """First digits of the content's hash, where the name is nothing else."""


def named(path: str, model_type: str) -> Named:
    """`Qwen3`, `8B-it`, `Q4_K_M` of `Qwen3-8B-it-Q4_K_M.gguf`; where the name tells less, of the
    engine's words, `qwen3 8B Q4_K - Medium`."""
    file_name = re.split(r"[\\/]", path)[-1]
    stem = _PART.sub("", re.sub(r"\.gguf$", "", file_name, flags=re.IGNORECASE))
    creator = ""
    if hub := _HUB.search(path):
        creator = hub["owner"]
    if cached := _CACHED.match(stem):
        creator, stem = cached["owner"], cached["file"]
        if in_folder := _FOLDER.match(stem):
            stem = in_folder["file"]
    stem = _MAKERS.sub("", stem)
    family_said, size_said, quant_said = _engine_s(model_type)
    if not stem or _NAMELESS.match(stem):
        digits = re.sub(r"^sha256[-:_]?", "", stem)[:12]
        return Named(file_name, "", family_said, size_said, quant_said, creator, True, digits)
    family, variant, quant = stem, "", ""
    if match := _QUANT.search(stem):
        family, quant = stem[: match.start()], match["quant"].upper()
    if match := _SIZE.search(family) or _WORD.search(family):
        family, variant = family[: match.start()], match["size"]
    generic = bool(_GENERIC.match(family))
    return Named(
        file_name,
        stem,
        family,
        variant or size_said,
        quant or quant_said,
        creator,
        generic,
    )


def _engine_s(model_type: str) -> tuple[str, str, str]:
    words = _TYPE.match(model_type.strip())
    if not words:
        return "", "", ""
    mixed = _MIX.sub(lambda mix: f"_{mix[1][0]}", words["quant"])
    quant = re.sub(r"^(?:all|mostly) |(?: mix)?(?: - .*)?(?: \(guessed\))?$", "", mixed)
    size = (words["size"] + words["unit"]).replace("?B", "")
    unknown = quant.startswith("unknown,")  # `unknown, may not work`, of a file of another maker
    return words["family"], "-".join(filter(None, (size, words["name"]))), "" if unknown else quant


def slug_of(*parts: str) -> str:
    text = "-".join(part for part in parts if part)
    return re.sub(r"[^a-z0-9._-]+", "-", text.lower()).lstrip("._-")[:80]
