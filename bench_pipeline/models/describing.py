"""A model that the catalogue does not have yet: where its files are, and what they are.

Of a hub's file size and sum are the hub's own (it keeps large files by their SHA-256), at the
commit that its branch stands at now. What lies on this disk is hashed. An address that tells no
sum is downloaded to learn it.
"""

import hashlib
import json
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx

from bench_pipeline.errors import ModelError, NetworkError
from bench_pipeline.fetching.client import outside_client
from bench_pipeline.fetching.http import TIMEOUT
from bench_pipeline.models.assembly import CHUNK_BYTES
from bench_pipeline.models.gguf_header import HEAD_BYTES, read_header
from bench_pipeline.models.web import address, allowance, hub, refusal
from bench_pipeline.progress import Reporter, Step
from bench_pipeline.records.model import ModelPart, shard_names, sum_of_list

_HF = re.compile(
    r"hf:(?P<repo>[\w.-]+/[\w.-]+)/(?P<file>[^@\s]+\.gguf)(?:@(?P<revision>[\w.+-]+))?"
)
ENDING = ".safetensors"
"""Of the name of a folder of them too."""
_LARGEST_ANSWER_BYTES = 32 * 2**20


@dataclass(frozen=True)
class Described:
    """parts               in order, each with its revision, size and sum
    sha256                 of all of them, joined end to end; of a folder of their list
    header                 of the first file, if that is GGUF
    licence, month, owner  of the hub's page, if there is one
    notes                  what a person should look at
    folder                 the name of one of safetensors
    """

    parts: list[ModelPart]
    sha256: str
    header: dict[str, Any]
    licence: str | None = None
    month: str | None = None
    owner: str | None = None
    notes: list[str] = field(default_factory=list)
    folder: str | None = None

    @property
    def file_name(self) -> str:
        return self.folder or self.parts[0].name


def describe(source: str, reporter: Reporter) -> Described:
    """`hf:owner/repo/path/file.gguf` (`@revision`), `file:/path`, `url:https://…`: of shards the
    first, of safetensors the folder on this disk. ModelError if it cannot be had or is neither."""
    if source.startswith("file:"):
        path = Path(source.removeprefix("file:")).expanduser().absolute()
        return _of_folder(path, reporter) if path.is_dir() else _of_disk(path, reporter)
    if source.startswith("url:"):
        return _of_address(source, reporter)
    if match := _HF.fullmatch(source):
        return _of_hub(match["repo"], match["file"], match["revision"] or "main", reporter)
    raise ModelError(
        f"no source that is known here: `{source}`",
        mend="write hf:owner/repo/file.gguf, file:/path/file.gguf or url:https://…/file.gguf",
    )


def _of_folder(path: Path, reporter: Reporter) -> Described:
    """What a hidden file or a folder in it holds is not for an engine."""
    try:
        files = sorted(f for f in path.iterdir() if f.is_file() and not f.name.startswith("."))
        if not any(file.suffix == ".safetensors" for file in files):
            raise ModelError("it has no .safetensors", mend="name a model's folder", where=path)
        with reporter.step(f"Hashing {path.name}", None, "bytes") as step:
            parts = [_part_of_disk(file, step, []) for file in files]
    except OSError as error:
        raise _unreadable(error, path) from None
    sums = [(part.name, str(part.sha256)) for part in parts]
    return Described(
        parts, sum_of_list(sums), {}, folder=f"{path.name.removesuffix(ENDING)}{ENDING}"
    )


def _part_of_disk(file: Path, step: Step, sums: Sequence[Any]) -> ModelPart:
    """Its content goes into `sums` too."""
    own = hashlib.sha256()
    with file.open("rb") as content:
        while chunk := content.read(CHUNK_BYTES):
            for each in (own, *sums):
                each.update(chunk)
            step.advance(len(chunk))
    size = file.stat().st_size
    return ModelPart(source=f"file:{file}", size_bytes=size, sha256=own.hexdigest())


def _unreadable(error: OSError, path: Path) -> ModelError:
    return ModelError(
        f"cannot be read: {error.strerror or error}",
        mend="correct the path; of a model in shards all must lie beside the first",
        where=error.filename or path,
    )


def _of_disk(path: Path, reporter: Reporter) -> Described:
    files = [path.with_name(name) for name in shard_names(path.name)]
    whole = hashlib.sha256()
    try:
        with path.open("rb") as first:
            header = _header(first.read(HEAD_BYTES), path)
        total = float(sum(file.stat().st_size for file in files))
        with reporter.step(f"Hashing {path.name}", total, "bytes") as step:
            parts = [_part_of_disk(file, step, [whole]) for file in files]
    except OSError as error:
        raise _unreadable(error, path) from None
    return Described(parts, whole.hexdigest(), header)


def _of_address(source: str, reporter: Reporter) -> Described:
    url = source.removeprefix("url:")
    own, head, size = hashlib.sha256(), b"", 0
    with (
        _asking(url) as client,
        reporter.step("Downloading it once, to learn its sum", None, "bytes") as step,
    ):
        for chunk in _content(client, url, {}):
            own.update(chunk)
            head += chunk[: max(HEAD_BYTES - len(head), 0)]
            size += len(chunk)
            step.advance(len(chunk))
    part = ModelPart(source=source, size_bytes=size, sha256=own.hexdigest())
    if len(shard_names(part.name)) > 1:
        raise ModelError(
            "a model in shards cannot be added by one address",
            mend="download them and add the first as file:/…; or write the file by hand",
            where=url,
        )
    return Described([part], own.hexdigest(), _header(head, url))


def _of_hub(repo: str, file: str, revision: str, reporter: Reporter) -> Described:
    page = f"{hub()}/api/models/{repo}/revision/{quote(revision, safe='')}?blobs=true"
    with _asking(page) as client:
        told = _json(client, page, allowance())
        listed = {each.get("rfilename"): each for each in told.get("siblings", [])}
        folder, _, name = file.rpartition("/")
        names = [f"{folder}/{each}" if folder else each for each in shard_names(name)]
        parts = [_hub_part(repo, str(told.get("sha")), each, listed, page) for each in names]
        url, headers = address(parts[0])
        header = _header(_beginning(client, url, headers), url)
        whole = parts[0].sha256 if len(parts) == 1 else None
        sha256 = whole or _of_all(client, parts, reporter)
    card = told.get("cardData") or {}
    tags = [tag.partition(":")[2] for tag in told.get("tags", []) if tag.startswith("license:")]
    licence = card.get("license") if isinstance(card.get("license"), str) else None
    created = str(told.get("createdAt") or "")[:7]
    return Described(
        parts,
        sha256,
        header,
        licence or next(iter(tags), None),
        created if re.fullmatch(r"\d{4}-\d{2}", created) else None,
        repo.partition("/")[0],
        [f"`released` is the month in which {repo} was made: correct it"] if created else [],
    )


def _hub_part(repo: str, commit: str, name: str, listed: dict[Any, Any], page: str) -> ModelPart:
    if name not in listed:
        there = sorted(each for each in listed if each and each.endswith(".gguf"))
        raise ModelError(
            f"{repo} has no file {name}",
            mend=f"choose from: {', '.join(there[:12]) or 'it has no .gguf'}",
            where=page,
        )
    stored = listed[name].get("lfs") or {}
    sha256, size = stored.get("sha256"), stored.get("size") or listed[name].get("size")
    if not sha256 or not size:
        raise ModelError(
            f"the hub tells no sum of {name}",
            mend="download it and add it as file:/…",
            where=page,
        )
    return ModelPart(
        source=f"hf:{repo}", revision=commit, file=name, size_bytes=size, sha256=sha256
    )


def _content(client: httpx.Client, url: str, headers: dict[str, str]) -> Iterator[bytes]:
    plain = {**headers, "Accept-Encoding": "identity"}
    with client.stream("GET", url, headers=plain, follow_redirects=True) as response:
        _require_ok(response, url)
        yield from response.iter_raw()


def _of_all(client: httpx.Client, parts: list[ModelPart], reporter: Reporter) -> str:
    """The sum of all shards together, which no hub tells."""
    whole, total = hashlib.sha256(), float(sum(part.size_bytes or 0 for part in parts))
    what = f"Downloading {len(parts)} shards once, to learn their sum"
    with reporter.step(what, total, "bytes") as step:
        for part in parts:
            url, headers = address(part)
            for chunk in _content(client, url, headers):
                whole.update(chunk)
                step.advance(len(chunk))
    return whole.hexdigest()


def _beginning(client: httpx.Client, url: str, headers: dict[str, str]) -> bytes:
    wanted = {**headers, "Range": f"bytes=0-{HEAD_BYTES - 1}", "Accept-Encoding": "identity"}
    head = b""
    with client.stream("GET", url, headers=wanted, follow_redirects=True) as response:
        _require_ok(response, url)
        for chunk in response.iter_raw():
            head += chunk
            if len(head) >= HEAD_BYTES:
                break
    return head[:HEAD_BYTES]


def _json(client: httpx.Client, url: str, headers: dict[str, str]) -> dict[str, Any]:
    body = b""
    with client.stream("GET", url, headers=headers, follow_redirects=True) as response:
        _require_ok(response, url)
        for chunk in response.iter_bytes():
            body += chunk
            if len(body) > _LARGEST_ANSWER_BYTES:
                raise ModelError("the answer is too large", mend="check HF_ENDPOINT", where=url)
    try:
        told = json.loads(body)
    except ValueError:
        told = None
    if not isinstance(told, dict):
        raise ModelError("that is no hub: it answers no JSON", mend="check HF_ENDPOINT", where=url)
    return told


@contextmanager
def _asking(url: str) -> Iterator[httpx.Client]:
    try:
        with outside_client(TIMEOUT) as client:
            yield client
    except NetworkError as error:
        raise ModelError(error.problem, mend=error.mend, where=url) from None
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise ModelError(
            f"cannot be asked: {str(error) or type(error).__name__}",
            mend="check the connection and the address",
            where=url,
        ) from None


def _require_ok(response: httpx.Response, url: str) -> None:
    status = response.status_code
    if status not in (200, 206):
        named = "owner, repo, revision or file"
        raise refusal(f"the server answers {status}", status, url, named, "the command")


def _header(head: bytes, where: object) -> dict[str, Any]:
    try:
        return dict(read_header(head))
    except ValueError as error:
        raise ModelError(str(error), mend="name a GGUF file", where=str(where)) from None
