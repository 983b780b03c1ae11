"""Keys and tokens in what an engine is given and says: hidden before anybody else reads it."""

import re
from collections.abc import Mapping, Sequence

HIDDEN = "hidden"

_OPTION = r"--(?:[a-z]+-)?api-key(?:-file)?|--hf-token|-hft"
_VALUE = r"(?:\"[^\"]*\"|'[^']*'|[^\s'\",\]}]+)"
_VARIABLE = re.compile(r"\w*(?:TOKEN|API_?KEY|SECRET|SECRET_ACCESS_KEY|PASSWORD)", re.IGNORECASE)
_SECRETS = (
    re.compile(rf"((?:{_OPTION})['\"]?[ =,]+){_VALUE}"),
    # In capitals alone, and no number: `EOS token = 2` and `BOS_TOKEN = 1` are none.
    re.compile(
        r"(\b[A-Z0-9_]*(?:TOKEN|API_?KEY|SECRET|SECRET_ACCESS_KEY|PASSWORD)['\"]?\s?[=:]\s?)"
        r"(?![0-9]{1,7}\b)" + _VALUE
    ),
    re.compile(rf"(\b(?:api_key|hf_token)['\"]?\s?[=:]\s?\[?){_VALUE}"),
    re.compile(r"((?i:\bbearer )['\"]?)[^\s'\"]{8,}"),
    re.compile(
        r"((?i:[?&][\w.-]*(?:token|signature|sig|credential|key|secret|password)=))[^\s&'\"]+"
    ),
    re.compile(r"()\b(?:(?:hf|gh[pousr])_[A-Za-z0-9]{30,}|sk-[A-Za-z0-9_-]{20,})"),
)
"""Each with what stays before it: an option's value, a variable's, a header's, a part of a signed
address, and what is known by its own form."""


def without_secrets(line: str) -> str:
    for secret in _SECRETS:
        line = secret.sub(rf"\1{HIDDEN}", line)
    return line


def arguments_without_secrets(words: Sequence[str]) -> list[str]:
    """Of a command, where a key is a word of its own, after that of its option."""
    before = ["", *words]
    return [
        HIDDEN if re.fullmatch(_OPTION, option) else without_secrets(word)
        for option, word in zip(before, words, strict=False)
    ]


def variables_without_secrets(env: Mapping[str, str]) -> dict[str, str]:
    return {
        name: HIDDEN if _VARIABLE.fullmatch(name) else without_secrets(value)
        for name, value in env.items()
    }
