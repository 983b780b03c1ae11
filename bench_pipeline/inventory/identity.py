"""Which machine this is, without telling anybody else.

Images are cloned with their machine-id, so that alone tells no machine from another. The product's
UUID does, but only root may read it; so a rig file keeps, beside the identity, marks of parts that
no other machine has and that everybody may read (network cards, GPUs). A machine with a rig's
identity and none of its marks is a clone; one that got a new card still has the others.
"""

import hashlib
import platform
import re
import secrets
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

from bench_pipeline.errors import RigError
from bench_pipeline.inventory.cpu import read_cpu
from bench_pipeline.inventory.sysfs import SYSTEM, read_text
from bench_pipeline.paths import Project, artefact_cache
from bench_pipeline.records.rig import Rig
from bench_pipeline.records.yaml.declared import known_rig
from bench_pipeline.records.yaml.files import read_what_can_be, write_atomically

_SALT = "bench_pipeline rig 1"
"""Part of every published machine_id: changing it makes every rig a stranger."""

_NO_UUIDS = re.compile(r"(?:0|f|-)*|03000200-0400-0500-0006-000700080009|(?:.*not |to be ).*")
"""What boards say whose maker did not give them one, in lower case."""


class Identity(NamedTuple):
    """Salted hashes of 16 hex digits each; nothing about the machine can be read from them.

    machine_id  with all that this process may read
    as_user     without what only root may; None where that is the same
    marks       of parts that no other machine has
    before      by what we kept, of a system that had no identity of its own then
    """

    machine_id: str
    as_user: str | None = None
    marks: frozenset[str] = frozenset()
    before: str | None = None


def machine_id(root: Path = SYSTEM) -> str:
    """16 hex digits that stay the same on this machine and differ on every other.

    A salted hash: machine-id(5) asks that the identity itself stay confidential, and rig
    files are published. The CPU's model is in it because images are cloned with their
    machine-id, and a clone on other hardware is another rig.
    """
    return identify(root).machine_id


def identify(root: Path = SYSTEM, nvml: ModuleType | None = None) -> Identity:
    """Who this machine is. `nvml`: another than the driver's own, in a test."""
    own = _systems_own(root)
    identity = own or _kept_by_us()
    try:
        cpu = read_cpu(root).model
    except (OSError, ValueError):
        cpu = "unknown"
    plain = _hashed(identity, cpu)
    marks = frozenset(
        _hashed(identity, "mark", part) for part in (*_parts(root), *_cards(root, nvml))
    )
    kept = _kept() if own else None
    before = _hashed(kept, cpu) if kept else None
    if own and (uuid := _product_uuid(root)):
        return Identity(_hashed(identity, cpu, uuid), plain, marks, before)
    return Identity(plain, None, marks, before)


def _hashed(*words: str) -> str:
    return hashlib.sha256("\n".join([_SALT, *words]).encode()).hexdigest()[:16]


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
    if (kept := _kept()) is not None:
        return kept
    write_atomically(artefact_cache() / "machine-id", secrets.token_hex(16) + "\n")
    return _kept() or ""


def _kept() -> str | None:
    identity = read_text(artefact_cache() / "machine-id")
    return f"{identity} {platform.node()}" if identity else None


def _product_uuid(root: Path) -> str | None:
    uuid = (read_text(root / "sys/class/dmi/id/product_uuid") or "").strip().lower()
    return None if _NO_UUIDS.fullmatch(uuid) else uuid


def _parts(root: Path) -> Iterator[str]:
    """Serial numbers that need no root: of boards with a device tree, of network cards that are
    not plugged in from outside, of AMD's GPUs."""
    if serial := (read_text(root / "proc/device-tree/serial-number") or "").strip("\0 \n"):
        yield f"board {serial}"
    for card in sorted(root.glob("sys/class/net/*")):
        address = read_text(card / "address")
        permanent = read_text(card / "addr_assign_type") == "0"
        soldered = (card / "device").exists() and "/usb" not in str((card / "device").resolve())
        if address and permanent and soldered and address.strip("0:"):
            yield f"network {address.lower()}"
    for path in sorted(root.glob("sys/bus/pci/devices/*/unique_id")):
        if number := read_text(path):
            yield f"gpu {number}"


def _cards(root: Path, nvml: ModuleType | None) -> list[str]:
    """NVIDIA's, by their UUIDs. A tree of files has no driver."""
    if nvml is None and root != SYSTEM:
        return []
    import pynvml  # only where cards are asked for: Dagster's definitions load without it

    nvml = nvml or pynvml
    try:
        nvml.nvmlInit()
    except nvml.NVMLError:
        return []
    try:
        handles = map(nvml.nvmlDeviceGetHandleByIndex, range(nvml.nvmlDeviceGetCount()))
        return [f"gpu {nvml.nvmlDeviceGetUUID(handle)}" for handle in handles]
    except nvml.NVMLError:
        return []
    finally:
        nvml.nvmlShutdown()


def this_rig(rigs: Mapping[str, Rig], identity: Identity | str | None = None) -> Rig | None:
    """The declared rig that this machine is; None if it is none of them, a clone of one included.

    A rig that root declared is found by a user too, and the other way round. RigError if two rig
    files claim this machine.
    """
    me = Identity(identity) if isinstance(identity, str) else identity or identify()
    exact = [rig for rig in rigs.values() if rig.machine_id == me.machine_id]
    if me.as_user is None:
        alike = [rig for rig in rigs.values() if me.machine_id == rig.machine_id_as_user]
        claimants = [rig for rig in (*exact, *alike) if _may_be(rig, me)]
    else:  # one that root declared elsewhere has another machine_id, so it is a clone
        declared_by_user = [rig for rig in rigs.values() if rig.machine_id == me.as_user]
        claimants = exact or [rig for rig in declared_by_user if _may_be(rig, me)]
    if not claimants and me.before:
        # As soon as a container installs what wants one, it has an identity of its own.
        claimants = [rig for rig in rigs.values() if rig.machine_id == me.before]
    marked = [rig for rig in claimants if me.marks.intersection(rig.machine_marks)]
    claimants = marked or claimants
    if len(claimants) > 1:
        names = " and ".join(f"`{rig.slug}`" for rig in claimants)
        raise RigError(
            f"the rig files of {names} both have this machine's machine_id {me.machine_id}",
            mend="remove `machine_id` from the one that is another machine",
        )
    return claimants[0] if claimants else None


class AnotherRig(RigError):
    """This machine is a declared rig, and the one that is meant is another."""


def rig_here(project: Project, slug: str) -> Rig:
    """The rig `slug`, which must be this machine. RigError if it is not; AnotherRig if both are
    declared."""
    rigs, _broken = read_what_can_be(Rig, project.rigs)
    here = this_rig(rigs)
    if here is not None and here.slug == slug:
        return here
    if slug not in rigs:
        known_rig(project.rigs, slug)  # says what is wrong with it
    is_here = f"the rig `{here.slug}`" if here else "no declared rig"
    raise (AnotherRig if here else RigError)(
        f"this machine is {is_here}, not `{slug}`",
        mend=f"do it on `{slug}`; or, if this is that machine, write"
        f' `machine_id: "{machine_id()}"` in its file',
        where=project.rigs / f"{slug}.yaml",
    )


def clones(rigs: Mapping[str, Rig], identity: Identity, here: Rig | None) -> list[Rig]:
    """Other rigs with the same machine-id and CPU: machines made from one image."""
    plain = identity.as_user or identity.machine_id
    return [
        rig
        for rig in rigs.values()
        if plain in (rig.machine_id, rig.machine_id_as_user)
        and (here is None or rig.slug != here.slug)
    ]


def _may_be(rig: Rig, me: Identity) -> bool:
    """Nothing speaks against it: a part in common, or none known of one of both."""
    return not (rig.machine_marks and me.marks) or not me.marks.isdisjoint(rig.machine_marks)
