"""What a server's log may show to others, and what in it says why the server ended."""

import ipaddress
import re
import signal
from collections.abc import Sequence
from pathlib import Path

from bench_pipeline.engines.secrets import without_secrets

_PATH = re.compile(
    r"(?P<url>(?<![\w+.-])(?!(?i:file):)[A-Za-z][\w+.-]*://(?:[^\s/'\"@]*@)?)(?P<rest>[^\s'\"]*)"
    r"|(?:(?i:file):/*(?=/))?(?<![\w/.])/+(?:[^/\s'\":]+/+)+"
    r"|(?<!\w)(?:[A-Za-z]:[\\/]+|\\\\+)(?:[^\\/\s'\":]+[\\/]+)+"
)
"""An absolute path up to its last slash, as `file:` address and in Windows' spelling too; not the
inside of another address, nor `./a/relative/one`."""
_HOME = re.compile(
    r"(?:(?i:file):/*(?=/))?(?<![\w/.])/+(?:home|Users|export/home|var/home)/+[^/\s'\":,;)\]]+(?![\w/.])"
    r"|(?<!\w)[A-Za-z]:[\\/]+(?i:Users)[\\/]+[^\\/\s'\":,;)\]]+(?![\w\\/.])"
)
"""Somebody's own folder, where a path ends with it: its last part is a name, not a file's."""
_SPACED_HOME = re.compile(
    r"(?<![\w/.:])/+(?:[^/\s'\":]+/+)*(?:home|Users)/+[^/\s'\":]+(?: [^/\s'\":]+){1,3}/+"
    r"(?:[^/\s'\":]+/+)*"
    r"|(?<!\w)[A-Za-z]:[\\/]+(?i:Users)[\\/]+[^\\/\s'\":]+(?: [^\\/\s'\":]+){1,3}[\\/]+"
    r"(?:[^\\/\s'\":]+[\\/]+)*"
)
"""A path through a folder that is named as its owner: `C:\\Users\\Ann Lee\\`, which _HOME and _PATH
take to end at the blank."""
_UNSEEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]"
)
LONGEST_LINE = 2000
"""Characters of what an engine says that are kept of a line."""

REMOTE = "remote"
"""Stands for another machine's address."""

_RPC_BRACKETS = re.compile(r"\b(RPC\d*)\[[^\]]*\]")
_RPC_DEVICE = re.compile(r"(using device RPC\d* )\([^()]*\) ?")
_ADDRESS = re.compile(
    r"(?<![\w.:])(?:(?P<four>\d{1,3}(?:\.\d{1,3}){3})|\[(?P<six>[0-9a-fA-F:]+:[0-9a-fA-F:]*)\])"
    r"(?P<port>:\d{2,5})?(?![\w.])"
)

_OUT_OF_MEMORY = re.compile(
    r"out of memory|out-of-memory|OutOf(?:Device|Host)Memory|failed to allocate|"
    r"unable to allocate|cannot allocate|bad_alloc|cudaMalloc failed|insufficient memory",
    re.IGNORECASE,
)
_PORT_TAKEN = re.compile(r"couldn't bind|address already in use", re.IGNORECASE)
_ERROR = re.compile(r"^(?:[\d.]+ E |error\b|terminate called|.*GGML_ASSERT)|\berror loading\b")
_ARGUMENT = re.compile(r"\bargument:? \"?(--?[\w-]+)")
_PREFIX = re.compile(r"^\d+\.\d+\.\d+\.\d+ [A-Z] (?:(?:srv|cmn|slot|spec)\s+)?")


def scrub(line: str, private: Sequence[Path] = (), hosts: Sequence[str] = ()) -> str:
    """`line` with folders cut from its paths and other machines' addresses replaced: a published
    log names no user, no disk and no network.

    Control characters are written out: what a stranger's engine says reaches a terminal.
    `private` are folders to cut even where their names hold spaces; `hosts` names of machines that
    look like any word.
    """
    line = _UNSEEN.sub(lambda found: ascii(found[0])[1:-1], line[:LONGEST_LINE])
    for folder in private:
        line = line.replace(f"{folder}/", "")
    line = _SPACED_HOME.sub("", without_secrets(line))
    return without_addresses(_PATH.sub(_without_folder, _HOME.sub("~", line)), hosts)[:LONGEST_LINE]


def _without_folder(found: re.Match[str]) -> str:
    if found["url"] is None:
        return ""
    return f"{found['url'].partition('://')[0]}://{found['rest']}"  # without a login


def without_addresses(text: str, hosts: Sequence[str] = ()) -> str:
    """`text` with `RPC0` for `RPC0[10.0.0.2:50052]`, and `remote` for every address elsewhere and
    for `hosts`; this machine's own (127.0.0.1) stay."""
    for host in hosts:
        text = re.sub(rf"(?<![\w.-]){re.escape(host)}(?![\w.-])", REMOTE, text)
    prefix = _PREFIX.match(text)
    start = prefix.end() if prefix else 0  # 0.12.100.200 before a line is a time
    rest = _RPC_DEVICE.sub(r"\1", _RPC_BRACKETS.sub(r"\1", text[start:]))
    return text[:start] + _ADDRESS.sub(_hidden, rest)


def _hidden(found: re.Match[str]) -> str:
    """Four numbers may be a version: with a port, or in a private network, they are an address."""
    try:
        address = ipaddress.ip_address(found["four"] or found["six"])
    except ValueError:
        return found[0]
    if address.is_loopback or address.is_unspecified:
        return found[0]
    return REMOTE if found["port"] or found["six"] or address.is_private else found[0]


def without_prefix(line: str) -> str:
    """`line` without the time, level and component that the server puts before it."""
    return _PREFIX.sub("", line).strip()


def port_was_taken(lines: Sequence[str]) -> bool:
    return any(_PORT_TAKEN.search(line) for line in lines)


def out_of_memory(lines: Sequence[str]) -> str | None:
    """The line that says so, if one does."""
    return next((line for line in lines if _OUT_OF_MEMORY.search(line)), None)


def decisive_line(lines: Sequence[str]) -> str | None:
    """The line that names the cause: the first error, since later ones follow from it."""
    found = out_of_memory(lines) or next((line for line in lines if _ERROR.search(line)), None)
    return without_prefix(found) if found else None


def unknown_argument(line: str) -> str | None:
    """The argument that a line of error does not know or whose value it refuses."""
    match = _ARGUMENT.search(line)
    return match[1] if match else None


def ending(status: int | None) -> str:
    """`exit status 1`, `killed by SIGKILL`, ... in words."""
    if status is None:
        return "ended in an unknown way"
    if status >= 0:
        return f"ended with exit status {status}"
    return f"was ended by {signal.Signals(-status).name}"
