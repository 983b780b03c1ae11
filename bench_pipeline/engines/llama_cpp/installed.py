"""An engine that lies on this machine, and the few questions it answers about itself."""

import hashlib
import re
import signal
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from bench_pipeline.engines.llama_cpp import libraries
from bench_pipeline.engines.llama_cpp.environment import engine_environment as engine_environment
from bench_pipeline.engines.llama_cpp.environment import launch_environment
from bench_pipeline.engines.llama_cpp.log_reading import without_addresses
from bench_pipeline.errors import EngineError
from bench_pipeline.records.inventory import EngineDevice
from bench_pipeline.records.rig import Backend, EngineSetup
from bench_pipeline.records.run import LLAMA_CPP

_ANSWER_TIMEOUT_S = 120
"""A first CUDA or Vulkan start compiles or loads for many seconds."""

_DEVICE = re.compile(
    r"^\s+(?P<id>\w+): (?P<name>.+) \((?P<total>\d+) MiB, (?P<free>\d+) MiB free\)\s*$"
)
_VULKAN = re.compile(
    r"^ggml_vulkan: (?P<number>\d+) = .+ \((?P<driver>[^()]+(?:\([^()]*\)[^()]*)?)\) \| "
    r"uma: (?P<uma>[01])\b"
)
_DEVICE_NAMES: dict[Backend, tuple[str, ...]] = {
    "cuda": ("CUDA",),
    "vulkan": ("Vulkan",),
    "rocm": ("ROCm",),
    "metal": ("MTL", "Metal"),
    "sycl": ("SYCL",),
    "openvino": ("OPENVINO",),
    "cpu": (),
}
_COMMIT = re.compile(r"\((?:build \d+, commit )?(?P<commit>[0-9a-f]{7,40})\)")
_LACKING = re.compile(r"loading shared libraries: (\S+): cannot open shared object file")
_NUMBER = re.compile(r"^version: (?:\S+ \(build )?(?P<number>\d+)\b")


Stamps = Mapping[Path, list[int]]
"""Size and modification time (ns) of files."""


@dataclass(frozen=True)
class InstalledEngine:
    """One build, ready to start.

    binary_sha256  of llama-server followed by the shared libraries beside it: in many builds
                   llama-server itself is a launcher of a few kB. By hand, in its folder:
                   `cat llama-server *.so* | sha256sum`
    devices        what `--list-devices` printed under the rig file's environment
    stamps         of what was hashed, in that order
    name           the family
    started        of another family: how, as the rig file says
    """

    build: str
    commit: str | None
    channel: str
    binary: Path
    library_dir: Path
    version_line: str
    binary_sha256: str
    devices: list[EngineDevice]
    stamps: Stamps = field(default_factory=dict)
    name: str = LLAMA_CPP
    started: EngineSetup | None = None

    def devices_of(self, backend: Backend) -> list[EngineDevice]:
        """Those of its devices that `backend` computes on; none on `cpu`."""
        names = _DEVICE_NAMES[backend]
        return [d for d in self.devices if names and d.id.startswith(names)]


def digest(binary: Path) -> str:
    """sha256 of `binary` and the shared libraries beside it, in order of their names."""
    return digest_of((binary, *shared_libraries(binary.parent)))


def digest_of(files: Iterable[Path]) -> str:
    """sha256 of all of them, joined."""
    total = hashlib.sha256()
    for path in files:
        with path.open("rb") as file:
            while chunk := file.read(2**20):
                total.update(chunk)
    return total.hexdigest()


def stamps_of(binary: Path) -> Stamps:
    """Of every file that `digest` covers."""
    return {path: stamp(path) for path in (binary, *shared_libraries(binary.parent))}


def stamp(path: Path) -> list[int]:
    """Size and modification time (ns)."""
    stat = path.stat()
    return [stat.st_size, stat.st_mtime_ns]


def check_not_exchanged(engine: InstalledEngine) -> None:
    """EngineError if other files lie there than those that were hashed."""
    try:
        same = all(stamp(path) == was for path, was in engine.stamps.items())
        same = same or digest_of(engine.stamps) == engine.binary_sha256
    except OSError:
        same = False
    if not same:
        raise EngineError(
            "its files were exchanged since they were hashed: what runs is not what was asked",
            mend="let no build write there while it is measured, then run it again",
            where=f"{engine.channel} {engine.build}",
            kind="refused",
        )


def shared_libraries(folder: Path) -> list[Path]:
    """By name, links included (a wheel holds copies where an archive holds links)."""
    found = [p for p in folder.iterdir() if ".so" in p.suffixes or p.suffix in (".dylib", ".dll")]
    return sorted(path for path in found if path.is_file())


def read_version(binary: Path, env: Mapping[str, str], where: str) -> str:
    """The line that `--version` prints first."""
    answer = ask(binary, "--version", env, where)
    lines = [line.strip() for line in answer.splitlines() if line.startswith("version:")]
    if not lines:
        raise EngineError(
            "it prints no version: this is not llama-server",
            mend="correct `binary` in content/engines.yaml",
            where=where,
        )
    return lines[0]


def check_version(line: str, build: str, commit: str | None, where: str) -> str | None:
    """The commit that runs, or None where the binary doesn't know it.

    EngineError if the binary says another commit or build number than the catalogue. Builds
    made outside upstream's git say `build 1`, which tells nothing.
    """
    match, number = _COMMIT.search(line), _NUMBER.match(line)
    said = match["commit"] if match else None
    if said and commit and not (said.startswith(commit) or commit.startswith(said)):
        raise EngineError(
            f"the binary is commit {said}, the catalogue says {commit}",
            mend="correct the commit or the build in content/engines.yaml",
            where=where,
        )
    numbered = number and int(number["number"]) > 1 and re.fullmatch(r"b\d+", build)
    if number and numbered and f"b{number['number']}" != build:
        raise EngineError(
            f"the binary is build b{number['number']}, the catalogue says {build}",
            mend="correct the build in content/engines.yaml",
            where=where,
        )
    return said or commit


def read_devices(binary: Path, env: Mapping[str, str], where: str) -> list[EngineDevice]:
    """The devices that the engine can use under `env`, besides the CPU."""
    return parse_devices(ask(binary, "--list-devices", env, where).splitlines())


def parse_devices(lines: Sequence[str]) -> list[EngineDevice]:
    """Devices of a `--list-devices` answer; names may hold parentheses. Of a Vulkan device also
    what the engine prints of it before."""
    vulkan = {f"Vulkan{match['number']}": match for match in map(_VULKAN.match, lines) if match}
    return [
        EngineDevice(
            id=match["id"],
            name=without_addresses(match["name"]),
            total_mib=float(match["total"]),
            free_mib=float(match["free"]),
            driver=told["driver"] if (told := vulkan.get(match["id"])) else None,
            unified_memory=told["uma"] == "1" if told else None,
        )
        for match in map(_DEVICE.match, lines)
        if match
    ]


def ask(binary: Path, argument: str, env: Mapping[str, str], where: str) -> str:
    """What the binary prints in answer to one argument; EngineError if it does not answer."""
    try:
        done = subprocess.run(
            [binary, argument],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=launch_environment(binary.parent, env),
            timeout=_ANSWER_TIMEOUT_S,
            check=False,
        )
    except OSError as error:
        raise EngineError(
            f"the binary cannot be started: {error.strerror}",
            mend="check that it is built for this system and may be executed",
            where=where,
        ) from None
    except subprocess.TimeoutExpired:
        raise EngineError(
            f"`{argument}` gave no answer within {_ANSWER_TIMEOUT_S} s",
            mend="check the GPU's driver (does its own tool answer?), then run it again",
            where=where,
            kind="hang",
        ) from None
    answer = done.stdout.decode(errors="replace")
    if done.returncode != 0:
        raise does_not_run(done.returncode, answer.splitlines(), where)
    return answer


def does_not_run(status: int, lines: Sequence[str], where: str) -> EngineError:
    """Why a binary ended with `status` (negative: minus the signal) before it did anything."""
    said = [line.strip() for line in lines if line.strip()]
    lacking = [match[1] for line in said if (match := _LACKING.search(line))]
    linking = [line for line in said if "shared libraries" in line or "not found (req" in line]
    if status == -signal.SIGILL:
        problem = "it dies of an illegal instruction: this CPU lacks what it was compiled for"
        mend = "choose a build whose `cpu_flags` in content/engines.yaml this CPU has, or correct "
        mend += "them; upstream's release archives (channel `github-release`) choose by CPU"
    elif lacking:
        problem, mend = libraries.lacks(lacking), libraries.mend(lacking)
    elif linking:
        problem = f"it cannot be linked: {linking[0].split(': ', 1)[-1]}"
        mend = "choose a build for this system, or update that library"
    else:
        ended = f"signal {signal.Signals(-status).name}" if status < 0 else f"exit {status}"
        problem = f"it ends with {ended}: {said[-1] if said else 'without a word'}"
        mend = "start it by hand to see more, or choose another build"
    return EngineError(problem, mend=mend, where=where, log_tail=tuple(said[-15:]))
