"""Files, folders, patterns and `-` as texts, and what each text holds."""

import glob
import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from bench_pipeline.errors import RecordError
from bench_pipeline.importers.formats import json_objects, markdown, separated, sweep
from bench_pipeline.importers.rows import Found, Passed
from bench_pipeline.records.yaml.strict import MAX_BYTES

STDIN = "-"
_SUFFIXES = {
    *(".json", ".jsonl", ".ndjson", ".csv", ".tsv", ".md", ".markdown", ".txt", ".log", ".sql"),
    *(".out", ""),
}
"""Of the files that are looked into within a folder."""
_TERMINAL = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\))")
"""Colours, and other commands to a terminal, that a copy of its output keeps."""
_LOGGED = re.compile(r"^(?:\d{4}-\d\d-\d\dT[\d:.]+Z ?|[\w.-]+-\d+ +\| )", re.MULTILINE | re.ASCII)
"""What a log of CI (its time) or of `docker compose` (its service) puts before each line."""
_MEND = "give the output of `llama-bench`, as docs/import.md lists what is read"


def files_of(names: Sequence[str | Path]) -> list[Path]:
    """Every file that `names` mean, once: a folder stands for the files in it, a pattern for
    those that match. RecordError for one that is not there."""
    found: dict[Path, None] = {}
    for name in map(str, names):
        path = Path(name)
        if name == STDIN:
            found[path] = None
        elif path.is_dir():
            inside = (each for each in sorted(path.rglob("*")) if each.is_file())
            found |= dict.fromkeys(
                each
                for each in inside
                if each.suffix.lower() in _SUFFIXES
                and not any(part.startswith(".") for part in each.relative_to(path).parts)
            )
        elif not path.exists() and (
            matching := sorted(glob.glob(name, recursive=True))  # noqa: PTH207 - may be absolute
        ):
            found |= dict.fromkeys(Path(each) for each in matching if Path(each).is_file())
        else:
            found[path] = None
    if not found:
        raise RecordError("no file in it", mend=_MEND, where=", ".join(map(str, names)))
    return list(found)


def found_in(file: Path) -> Found:
    """RecordError where nothing in it is a result, with the reason."""
    text = _text_of(file)
    where, name = str(file), "standard input" if str(file) == STDIN else file.name
    found = Found()
    for each in _readings(text, where, name):
        found.add(each)
        if each.tests or each.foreign:
            break
    if not found.tests and not found.foreign:
        first = next(iter(found.passed), None)
        raise RecordError(
            f"holds no result that is read: {first.why if first else 'neither a table nor JSON'}",
            mend=_MEND,
            where=first.place if first else where,
        )
    return found


def _readings(text: str, where: str, name: str) -> Iterator[Found]:
    """What each way of reading finds, the one that tells most first."""
    if "{" in text:
        yield json_objects.found_in(text, where, name)
    if separated.is_sql(text):
        yield separated.found_in_sql(text, where, name)
    if separated.is_csv(text):
        yield separated.found_in_csv(text, where, name)
    yield markdown.found_in(text, where, name)
    yield sweep.found_in(text, where, name)
    if not text.strip():
        yield Found(passed=[Passed(where, "it is empty")])


def _text_of(file: Path) -> str:
    try:
        if str(file) == STDIN:
            data = sys.stdin.buffer.read(MAX_BYTES + 1)
        else:
            with file.open("rb") as opened:
                data = opened.read(MAX_BYTES + 1)
    except OSError as error:
        raise RecordError(
            f"cannot be read: {error.strerror}", mend="check its name and permissions", where=file
        ) from None
    if len(data) > MAX_BYTES:
        raise RecordError(f"has over {MAX_BYTES // 2**20} MiB", mend="divide it", where=file)
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):  # what `>` of an older PowerShell writes
        text = data.decode("utf-16", "replace")
    else:
        text = _of_bytes(data, file)
    return _LOGGED.sub("", _TERMINAL.sub("", text)).replace("\0", " ").replace("\ufeff", "")


def _of_bytes(data: bytes, file: Path) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        if error.reason == "unexpected end of data" and b"\0" not in data:
            # written on, or cut off, within a sign
            return data[: error.start].decode("utf-8-sig")
    if b"\0" in data:
        raise RecordError("is no text", mend=_MEND, where=file)
    return data.decode("cp1252", "replace")  # the sign of a table, written by Windows
