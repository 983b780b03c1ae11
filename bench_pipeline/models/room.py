"""Room for models on a rig's disk: which files may go, and which never.

models/<slug>.in-use    locked by every process that uses the model; its time is when it last was

Never goes what is in use or being fetched, what the catalogue does not know or its sum does not
prove, and what cannot be had again: just before, its source is asked whether it still has it all.
"""

import os
import shutil
import sys
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from pathlib import Path

import httpx
from filelock import FileLock, Timeout

from bench_pipeline.errors import ModelError, NetworkError
from bench_pipeline.fetching.client import outside_client
from bench_pipeline.models.fetch import files_of, is_verified, model_path, room_for
from bench_pipeline.models.web import address
from bench_pipeline.progress import Reporter
from bench_pipeline.records.model import ModelFile, ModelPart

ANSWER_S = 30.0
"""For a source that is asked whether it has a file."""


@contextmanager
def in_use(models: Iterable[ModelFile], cache: Path) -> Iterator[None]:
    """Nobody removes these models within."""
    with ExitStack() as held:
        for model in models if sys.platform != "win32" else ():
            held.enter_context(_locked(model, cache, alone=False))
            os.utime(_use_path(model, cache))
        yield


def why_it_stays(model: ModelFile, cache: Path, client: httpx.Client | None = None) -> str | None:
    """In words; None: it may go."""
    if model.format != "gguf" or not is_verified(model_path(model, cache), model):
        return "what lies there is not proven to be what the catalogue says"
    with nullcontext(client) if client else outside_client(ANSWER_S) as web:
        sizes = [_size_at_source(part, cache, web) for part in model.parts]
    if None in sizes or sum(size for size in sizes if size) != model.size_bytes:
        return "it cannot be had again: its source does not offer all of it now"
    return None


def remove(model: ModelFile, cache: Path, client: httpx.Client | None = None) -> int:
    """Bytes that are free again. ModelError, and nothing is removed, where it must stay."""
    path = model_path(model, cache)
    if sys.platform == "win32":
        raise _stays(model, "whether it is in use cannot be told on this system")
    try:
        with (
            _locked(model, cache, alone=True),
            FileLock(path.with_name(f"{path.name}.lock"), timeout=0),
        ):
            if (why := why_it_stays(model, cache, client)) is not None:
                raise _stays(model, why)
            for file in files_of(model, cache):
                file.with_name(f"{file.name}.verified").unlink(missing_ok=True)
                file.unlink()
    except (BlockingIOError, Timeout):
        raise _stays(model, "it is in use") from None
    except OSError as error:
        raise _stays(model, error.strerror or str(error)) from None
    return model.size_bytes


def make_room(
    model: ModelFile,
    cache: Path,
    others: Iterable[ModelFile],
    reporter: Reporter,
    client: httpx.Client | None = None,
) -> None:
    """Removes of `others`, the least recently used first, until there is room for `model`.

    None where all of them would not be enough: then who fetches it says what is lacking.
    """
    needed = room_for(model, cache)
    there = [m for m in others if m.slug != model.slug and _use_path(m, cache).exists()]
    there = [m for m in there if is_verified(model_path(m, cache), m)]
    if _free(cache) + sum(m.size_bytes for m in there) < needed:
        return
    for other in sorted(there, key=lambda m: (_use_path(m, cache).stat().st_mtime, m.slug)):
        if _free(cache) >= needed:
            return
        try:
            remove(other, cache, client)
        except ModelError as error:
            reporter.say(str(error))
        else:
            reporter.say(f"Removed {other.slug}, the least recently used, for {model.slug}")


def _free(cache: Path) -> int:
    return shutil.disk_usage(cache).free


def _use_path(model: ModelFile, cache: Path) -> Path:
    return cache / "models" / f"{model.slug}.in-use"


@contextmanager
def _locked(model: ModelFile, cache: Path, *, alone: bool) -> Iterator[None]:
    """BlockingIOError at once where it is to be locked `alone` and is in use."""
    import fcntl

    path = _use_path(model, cache)
    path.parent.mkdir(parents=True, exist_ok=True)
    file = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB if alone else fcntl.LOCK_SH)
        yield
    finally:
        os.close(file)


def _size_at_source(part: ModelPart, cache: Path, client: httpx.Client) -> int | None:
    """None: it has none now, or nobody can ask it, as an index of wheels."""
    kind, _, rest = part.source.partition(":")
    if kind == "file":
        path = Path(rest).expanduser()
        outside = not path.resolve().is_relative_to(cache.resolve())
        return path.stat().st_size if outside and path.is_file() else None
    if kind == "wheel":
        return None
    url, headers = address(part)
    try:
        # a byte of it: not every storage answers HEAD
        with client.stream("GET", url, headers=headers | {"Range": "bytes=0-0"}) as reply:
            told = reply.headers.get("content-range", "").rpartition("/")[2]
            told = told if reply.status_code == 206 else reply.headers.get("content-length", "")
            return int(told) if reply.is_success and told.isdigit() else None
    except (httpx.HTTPError, NetworkError):
        return None


def _stays(model: ModelFile, why: str) -> ModelError:
    return ModelError(
        f"{model.slug} stays on this disk: {why}",
        mend="free space otherwise, or remove it yourself (docs/redo.md)",
    )
