"""Real builds that lack a library: copies, linked to something that no system has."""

import shutil
from pathlib import Path

from bench_pipeline.engines.llama_cpp.installed import InstalledEngine
from bench_pipeline.records.engines import PathBuild


def copy_of(engine: InstalledEngine, folder: Path) -> Path:
    """llama-server of a copy in `folder`, which may be damaged."""
    shutil.copytree(engine.library_dir, folder)
    return folder / engine.binary.name


def link_anew(library: Path, old: str, new: str) -> None:
    """As if it had been linked to `new` instead; both names are of one length."""
    content = library.read_bytes()
    assert len(old) == len(new) and content.count(old.encode()) == 1
    library.write_bytes(content.replace(old.encode(), new.encode()))


def path_build(binary: Path, rig: str = "test-rig", build: str = "mine") -> PathBuild:
    return PathBuild(channel="path", build=build, binary=str(binary), backends=["cpu"], rigs=[rig])
