"""The operating system and its kernel."""

import platform
import shlex
from pathlib import Path

from bench_pipeline.inventory.sysfs import SYSTEM, read_text
from bench_pipeline.records.inventory import OperatingSystem


def read_operating_system(root: Path = SYSTEM) -> OperatingSystem:
    """PRETTY_NAME of os-release; inside a container, the container's."""
    if platform.system() == "Darwin":
        name = f"macOS {platform.mac_ver()[0]}"
    else:
        name = _pretty_name(root) or platform.system() or "unknown"
    return OperatingSystem(name=name, kernel=platform.release() or None)


def _pretty_name(root: Path) -> str | None:
    for place in ("etc/os-release", "usr/lib/os-release"):
        for line in (read_text(root / place) or "").splitlines():
            if line.startswith("PRETTY_NAME="):
                return " ".join(shlex.split(line.removeprefix("PRETTY_NAME=")))
    return None
