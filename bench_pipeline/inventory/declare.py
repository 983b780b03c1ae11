"""The rig file of a machine that has none yet: written once, then edited by people."""

import platform
import re
from pathlib import Path

import yaml

from bench_pipeline.inventory.capture import capture_inventory
from bench_pipeline.inventory.cpu import engine_threads
from bench_pipeline.inventory.identity import machine_id, this_rig
from bench_pipeline.inventory.sysfs import SYSTEM, read_number, read_text
from bench_pipeline.paths import Project
from bench_pipeline.records.inventory import Gpu, Inventory
from bench_pipeline.records.rig import Rig
from bench_pipeline.records.yaml.files import parse_record, read_rigs, write_atomically

_KIND_BY_CHASSIS = {
    **dict.fromkeys((3, 4, 5, 6, 7, 13, 15, 24), "desktop"),
    **dict.fromkeys((8, 9, 10, 14, 30, 31, 32), "laptop"),
    **dict.fromkeys((17, 23, 25, 28, 29), "server"),
    **dict.fromkeys((35, 36), "mini-pc"),
}
"""Chassis types of the SMBIOS specification (7.4.1)."""


def declare_this_machine(project: Project) -> tuple[Rig, bool]:
    """This machine's rig, and whether it was declared just now.

    A rig file that has this machine's identity is returned as it is, whatever its name;
    otherwise one is written. RecordError if a rig file cannot be read or written, RigError
    if two claim this machine.
    """
    identity = machine_id()
    if known := this_rig(read_rigs(project.rigs), identity):
        return known, False
    return declare(project, capture_inventory(), identity, platform.node()), True


def declare(
    project: Project,
    inventory: Inventory,
    identity: str,
    host_name: str,
    root: Path = SYSTEM,
) -> Rig:
    """Writes `content/rigs/<slug>.yaml` for the machine described and returns the rig.

    The slug is the host name; where a rig has that already, this is another machine of the
    same name and gets `-2`, `-3`, ...
    """
    slug = _slug(host_name, taken={path.stem for path in project.rigs.glob("*.yaml")})
    path = project.rigs / f"{slug}.yaml"
    text = rig_file(slug, inventory, identity, host_name, guess_kind(inventory, root))
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
    """`vm (2-core Intel Xeon Processor)`, `box (AMD Radeon RX 7900 XTX, 8-core ...)`."""
    cpu = inventory.cpu
    model = re.sub(r"\((R|TM)\)|\bCPU\b|@.*|\b\S+-Core Processor|w/ .*|with .*", "", cpu.model)
    cores = f"{cpu.physical_cores}-core " if cpu.physical_cores else ""
    parts = [*dict.fromkeys(gpu.name for gpu in inventory.gpus), cores + " ".join(model.split())]
    text = f"{host_name.split('.')[0] or 'rig'} ({', '.join(parts)})"
    return _one_line(text)[:120]


def rig_file(slug: str, inventory: Inventory, identity: str, host_name: str, kind: str) -> str:
    """The YAML of the rig, with the comments that a person needs to edit it."""
    backends = [_cpu(inventory)]
    vendors = {gpu.vendor: gpu for gpu in reversed(inventory.gpus)}  # first of each vendor
    if "nvidia" in vendors:
        backends.append(_pinned("cuda", "CUDA0", vendors["nvidia"]))
    if "amd" in vendors:
        backends.append(_pinned("rocm", "ROCm0", vendors["amd"]))
    if card := vendors.get("nvidia") or vendors.get("amd"):
        backends.append(_pinned("vulkan", "Vulkan0", card))
    if platform.system() == "Darwin" and inventory.cpu.architecture == "arm64":
        backends.append("  metal: {}\n")
    return f"""\
# A machine that benchmarks. `make bench` declared it; everything may be edited, but
# - never rename this file: its name, `{slug}`, is the rig's name in run files and URLs;
# - leave `machine_id` alone: by it this machine finds this file. It is a salted hash, from
#   which nothing about the machine can be read.
# Processor, memory, GPUs and drivers are not written here: each run reads them itself.
# docs/records.md lists every key.
title: {_scalar(title(inventory, host_name))}
# desktop, server, laptop, mini-pc, virtual-machine or other
kind: {kind}
machine_id: "{identity}"
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


def _pinned(backend: str, device: str, gpu: Gpu) -> str:
    return f"""\
  {backend}:
    # Only {_one_line(gpu.name)}: with several GPUs, an integrated one included, compare with
    # what `llama-server --list-devices` prints, in its order.
    device: {device}
    split_mode: none
    main_gpu: 0
"""


def _scalar(text: str) -> str:
    """`text` as YAML on one line, quoted where it must be."""
    return yaml.safe_dump(text, allow_unicode=True, width=1000).splitlines()[0]


def _one_line(text: str) -> str:
    """A line break would end a comment, or a title."""
    return " ".join(text.split())
