"""What stands at the head of a run file, read without the thousands of requests below it."""

from pathlib import Path
from typing import Any, NamedTuple

from bench_pipeline.errors import RecordError
from bench_pipeline.records.rig import RigBackend
from bench_pipeline.records.yaml.strict import parse_yaml

_HEAD_BYTES = 64 * 2**10
_AFTER_THE_ENGINE = b"\nmodel:"


class MeasuredBuild(NamedTuple):
    """A build that a run file of ours tells of, and whether that run came to its end."""

    build: str
    succeeded: bool


def measured_builds(runs: Path, place: RigBackend) -> list[MeasuredBuild]:
    """One for each run that was measured at `place`, oldest first. Published and imported runs
    are none, and files whose head cannot be read are passed over: `run_files` reports them.

    A file of a megabyte takes a second to read whole; its head a few milliseconds.
    """
    found = []
    for path in sorted((runs / place.rig / place.backend).glob("[!.]*.yaml")):
        document = _head(path)
        engine = document.get("engine")
        if document.get("provenance") == "measured" and isinstance(engine, dict):
            found.append(MeasuredBuild(str(engine.get("build")), document.get("status") == "ok"))
    return found


def measured_processors(runs: Path, rig: str) -> list[str]:
    """Names of the processors that runs measured by this code on `rig` read there, each once, the
    newest run's last: as a rule one."""
    found: dict[str, None] = {}
    for path in sorted((runs / rig).glob("*/[!.]*.yaml"), key=lambda path: path.name):
        document = _head(path)
        inventory = document.get("inventory")
        cpu = inventory.get("cpu") if isinstance(inventory, dict) else None
        if document.get("provenance") == "measured" and isinstance(cpu, dict) and cpu.get("model"):
            found.pop(str(cpu["model"]), None)
            found[str(cpu["model"])] = None
    return list(found)


def _head(path: Path) -> dict[str, Any]:
    """Empty where it cannot be read."""
    try:
        with path.open("rb") as file:
            head, model, _ = file.read(_HEAD_BYTES).partition(_AFTER_THE_ENGINE)
        return parse_yaml(head, path) if model else {}
    except (OSError, RecordError):
        return {}
