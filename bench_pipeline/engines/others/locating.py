"""The program of a command in a rig file, found and hashed."""

import os
import shutil
from pathlib import Path

from bench_pipeline.engines.dialects.families import FAMILIES
from bench_pipeline.engines.llama_cpp.installed import InstalledEngine, digest_of, stamp
from bench_pipeline.errors import EngineError
from bench_pipeline.records.rig import EngineSetup
from bench_pipeline.records.run import LLAMA_CPP


def locate(engine: EngineSetup, cache: Path) -> Path:
    """Its program: absolute, below the artefact cache, or on the PATH where it is a bare name.
    EngineError if it cannot be started, or nobody knows how the family talks."""
    if engine.family not in FAMILIES or engine.family == LLAMA_CPP:
        known = ", ".join(sorted(FAMILIES.keys() - {LLAMA_CPP}))
        raise EngineError(
            f"no other family is called `{engine.family}`",
            mend=f"choose from: {known}; a llama-server belongs into content/engines.yaml",
            where=engine.build,
        )
    if engine.base_url is not None:
        return Path(engine.base_url)  # whether it answers is seen when it is asked
    program = engine.command[0]
    if os.sep in program:
        path = (cache / Path(program).expanduser()).absolute()
        found = str(path) if path.is_file() and os.access(path, os.X_OK) else None
    else:
        found = shutil.which(program, path=engine.env.get("PATH"))
    if found is None:
        raise EngineError(
            f"no program {program} that may be started",
            mend="install it, or correct `command` in the rig file",
            where=engine.build,
        )
    return Path(found)


def installed(engine: EngineSetup, cache: Path) -> InstalledEngine:
    """As a build of ours is known. Its sum is that of the program alone: what a package has beside
    it, nobody can tell. EngineError as `locate`."""
    program = locate(engine, cache)
    if engine.base_url is not None:
        return InstalledEngine(
            build=engine.build,
            commit=None,
            channel="found",
            binary=Path("found"),
            library_dir=cache,
            version_line="",
            binary_sha256="",
            devices=[],
            name=engine.family,
            started=engine,
        )
    stamps = {program: stamp(program)}  # before it is hashed: who exchanges it meanwhile is found
    return InstalledEngine(
        build=engine.build,
        commit=None,
        channel="command",
        binary=program,
        library_dir=program.parent,
        version_line="",
        binary_sha256=digest_of([program]),
        devices=[],
        stamps=stamps,
        name=engine.family,
        started=engine,
    )
