"""Which machine this is, without telling anybody else."""

import hashlib
import platform
import re
import secrets
import subprocess
from collections.abc import Mapping
from pathlib import Path

from bench_pipeline.errors import RigError
from bench_pipeline.inventory.cpu import read_cpu
from bench_pipeline.inventory.sysfs import SYSTEM, read_text
from bench_pipeline.paths import artefact_cache
from bench_pipeline.records.rig import Rig
from bench_pipeline.records.yaml.files import write_atomically

_SALT = "bench_pipeline rig 1"
"""Part of every published machine_id: changing it makes every rig a stranger."""


def machine_id(root: Path = SYSTEM) -> str:
    """16 hex digits that stay the same on this machine and differ on every other.

    A salted hash: machine-id(5) asks that the identity itself stay confidential, and rig
    files are published. The CPU's model is in it because images are cloned with their
    machine-id, and a clone on other hardware is another rig.
    """
    identity = _systems_own(root) or _kept_by_us()
    try:
        cpu = read_cpu(root).model
    except (OSError, ValueError):
        cpu = "unknown"
    return hashlib.sha256(f"{_SALT}\n{identity}\n{cpu}".encode()).hexdigest()[:16]


def _systems_own(root: Path) -> str | None:
    if platform.system() == "Darwin":
        answer = subprocess.run(
            ["/usr/sbin/ioreg", "-rd1", "-c", "IOPlatformExpertDevice"],
            capture_output=True,
            text=True,
            timeout=10,
        )
        found = re.search(r'"IOPlatformUUID" = "([^"]+)"', answer.stdout)
        return found[1] if found else None
    for place in ("etc/machine-id", "var/lib/dbus/machine-id"):
        identity = read_text(root / place)
        if identity and identity != "uninitialized":  # systemd's word before the first boot
            return identity
    return None


def _kept_by_us() -> str:
    """Container images come without a machine-id. The host name joins the one we keep,
    because the cache may lie on a disk that several machines share."""
    path = artefact_cache() / "machine-id"
    if read_text(path) is None:
        write_atomically(path, secrets.token_hex(16) + "\n")
    return f"{read_text(path)} {platform.node()}"


def this_rig(rigs: Mapping[str, Rig], identity: str | None = None) -> Rig | None:
    """The declared rig that this machine is; None if it is none of them.

    RigError if two rig files claim it.
    """
    identity = identity or machine_id()
    claimants = [rig for rig in rigs.values() if rig.machine_id == identity]
    if len(claimants) > 1:
        names = " and ".join(f"`{rig.slug}`" for rig in claimants)
        raise RigError(
            f"the rig files of {names} both have this machine's machine_id {identity}",
            mend="remove `machine_id` from the one that is another machine",
        )
    return claimants[0] if claimants else None
