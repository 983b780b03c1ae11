"""The rig file of a machine that has none yet: written once, then edited by people."""

import json
import platform
import re
from collections.abc import Callable
from pathlib import Path

import yaml

from bench_pipeline.errors import RecordError
from bench_pipeline.inventory.capture import capture_inventory
from bench_pipeline.inventory.cpu import engine_threads
from bench_pipeline.inventory.declared_cards import cards, counted, gpu_backends
from bench_pipeline.inventory.identity import Identity, clones, identify, this_rig
from bench_pipeline.inventory.sysfs import SYSTEM, read_number, read_text
from bench_pipeline.paths import Project
from bench_pipeline.records.inventory import Inventory
from bench_pipeline.records.rig import Backend, Rig
from bench_pipeline.records.yaml.files import parse_record, read_what_can_be, write_atomically
from bench_pipeline.records.yaml.finding import content_of

_KIND_BY_CHASSIS = {
    **dict.fromkeys((3, 4, 5, 6, 7, 13, 15, 24), "desktop"),
    **dict.fromkeys((8, 9, 10, 14, 30, 31, 32), "laptop"),
    **dict.fromkeys((17, 23, 25, 28, 29), "server"),
    **dict.fromkeys((35, 36), "mini-pc"),
}
"""Chassis types of the SMBIOS specification (7.4.1)."""


def declare_this_machine(
    project: Project,
    inventory: Inventory | None = None,
    *,
    asked: Backend | None = None,
    named: str | None = None,
    say: Callable[[str], None] = lambda line: None,
) -> tuple[Rig, bool]:
    """This machine's rig, and whether it was declared just now.

    A rig file that has this machine's identity is returned as it is, whatever its name;
    otherwise one is written, and what a person should know of it is told by `say`: what the
    inventory could not find out, rigs that this machine is a clone of, and rig files of others that
    cannot be read. RecordError if its own cannot be read or written, RigError if two claim this
    machine.

    `inventory`: this machine's, where it is known already; `named`: how it is to be called, else
    by its host name; `asked`: as for `declare`.
    """
    identity, (rigs, broken) = identify(), read_what_can_be(Rig, project.rigs)
    if known := this_rig(rigs, identity):
        return known, False
    for error in broken:
        if _may_be_ours(Path(str(error.where).partition(".yaml")[0] + ".yaml"), identity):
            raise error
        say(str(error))
    found = inventory or capture_inventory()
    rig = declare(project, found, identity, named or platform.node(), asked=asked)
    for other in clones(rigs, identity, rig):
        say(clone_warning(rig, other))
    for gap in found.gaps:
        say(f"not known: {gap}")
    return rig, True


def _may_be_ours(path: Path, identity: Identity) -> bool:
    """Whether a rig file that cannot be read has this machine's identity in it: mending it comes
    before declaring the machine a second time."""
    known = {identity.machine_id, *([identity.as_user] if identity.as_user else [])}
    try:
        text = content_of(path).decode(errors="replace")
    except RecordError:
        return False
    return any(part in text for part in known | set(identity.marks))


def clone_warning(rig: Rig, other: Rig) -> str:
    return (
        f"warning: this machine has the machine-id of `{other.slug}`, as if cloned from one image; "
        f"by its hardware it is another, and was declared as `{rig.slug}`. If it is the same, "
        f"remove content/rigs/{rig.slug}.yaml, and `machine_marks` from {other.slug}.yaml; else "
        "give each an identity of its own (`rm /etc/machine-id; systemd-machine-id-setup`)"
    )


def declare(
    project: Project,
    inventory: Inventory,
    identity: Identity | str,
    host_name: str,
    root: Path = SYSTEM,
    *,
    asked: Backend | None = None,
) -> Rig:
    """Writes `content/rigs/<slug>.yaml` for the machine described and returns the rig.

    The slug is the host name; where a rig has that already, this is another machine of the
    same name and gets `-2`, `-3`, ... `asked`: a backend that is wanted, also if only an
    integrated GPU has it.
    """
    slug = _slug(host_name, taken={path.stem for path in project.rigs.glob("*.yaml")})
    path = project.rigs / f"{slug}.yaml"
    known = Identity(identity) if isinstance(identity, str) else identity
    kind = guess_kind(inventory, root)
    text = rig_file(slug, inventory, known, host_name, kind, asked)
    rig = parse_record(Rig, text.encode(), path)  # what cannot be read back is not written
    write_atomically(path, text)
    return rig


def _slug(host_name: str, taken: set[str]) -> str:
    """`Bob's Mac.local` becomes `bob-s-mac`: the domain tells nothing about the machine."""
    short = host_name.split(".")[0].lower()
    base = re.sub(r"[^a-z0-9]+", "-", short).strip("-")[:70].strip("-") or "rig"
    number = 1
    while (slug := base if number == 1 else f"{base}-{number}") in taken:
        number += 1
    return slug


def guess_kind(inventory: Inventory, root: Path = SYSTEM) -> str:
    """What the machine says of its case; `other` where it says nothing."""
    if inventory.cpu.hypervisor:
        return "virtual-machine"
    chassis = read_number(root / "sys/class/dmi/id/chassis_type")
    if kind := _KIND_BY_CHASSIS.get(int(chassis or 0)):
        return kind
    supplies = root.glob("sys/class/power_supply/*")
    if any(_powers_the_machine(supply) for supply in supplies):
        return "laptop"
    return "other"


def _powers_the_machine(supply: Path) -> bool:
    """A wireless mouse has a battery too; its scope is `Device`."""
    return read_text(supply / "type") == "Battery" and read_text(supply / "scope") != "Device"


def title(inventory: Inventory, host_name: str) -> str:
    """`vm (2-core Intel Xeon Processor)`, `box (4 × NVIDIA GeForce RTX 3090, 8-core ...)`."""
    cpu = inventory.cpu
    model = re.sub(
        r"\((R|TM)\)|\bCPU\b(?!,| version)|@.*|\b\S+-Core Processor|\b\d+-Cores\b|w/ .*|with .*",
        "",
        cpu.model,
    )
    cores = f"{cpu.physical_cores}-core " if cpu.physical_cores else ""
    declared, _left_out = cards(inventory.gpus)
    parts = [*counted(declared), cores + " ".join(model.split())]
    text = f"{host_name.split('.')[0] or 'rig'} ({', '.join(parts)})"
    return _one_line(text)[:120]


def rig_file(
    slug: str,
    inventory: Inventory,
    identity: Identity,
    host_name: str,
    kind: str,
    asked: Backend | None = None,
) -> str:
    """The YAML of the rig, with the comments that a person needs to edit it."""
    backends = [_cpu(inventory), *gpu_backends(inventory.gpus, asked)]
    on_apple = platform.system() == "Darwin" and inventory.cpu.architecture == "arm64"
    if on_apple and not any(text.startswith("  metal:") for text in backends):
        backends.append("  metal: {}\n")
    hashes = [f'machine_id: "{identity.machine_id}"']
    if identity.as_user:
        hashes.append(f'machine_id_as_user: "{identity.as_user}"')
    if identity.marks:
        hashes.append(f"machine_marks: {json.dumps(sorted(identity.marks))}")
    lines = "\n".join(hashes)
    return f"""\
# A machine that benchmarks. `make bench` declared it; everything may be edited, but
# - never rename this file: its name, `{slug}`, is the rig's name in run files and URLs;
# - leave `machine_id` and what begins with it alone: by them this machine finds this file. They
#   are salted hashes, from which nothing about the machine can be read.
# Processor, memory, GPUs and drivers are not written here: each run reads them itself.
# docs/records.md lists every key.
title: {_scalar(title(inventory, host_name))}
# desktop, server, laptop, mini-pc, virtual-machine or other
kind: {kind}
{lines}
# What cannot be measured: chassis, risers, purpose. A blank line divides paragraphs.
notes: ""
# How the engine computes here. Remove what this machine is not to measure.
backends:
{"".join(backends)}"""


def _cpu(inventory: Inventory) -> str:
    return f"""\
  cpu:
    # One less than the physical cores (but at least 1): the engine's threads spin while they
    # wait for each other, and one that shares its core with the client holds up them all.
    threads: {engine_threads(inventory.cpu)}
"""


def _scalar(text: str) -> str:
    """`text` as YAML on one line, quoted where it must be."""
    return yaml.safe_dump(text, allow_unicode=True, width=1000).splitlines()[0]


def _one_line(text: str) -> str:
    """A line break would end a comment, or a title."""
    return " ".join(text.split())
