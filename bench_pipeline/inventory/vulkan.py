"""Which Vulkan driver serves which card, and its version: asked of the loader itself.

A driver is a library that runs in the process that asks, so a process of its own asks
(`python -m bench_pipeline.inventory.vulkan`), and one that crashes or hangs costs only the answer.
"""

import ctypes
import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from ctypes import byref, c_char, c_char_p, c_uint8, c_uint32, c_void_p
from typing import NamedTuple

from bench_pipeline.records.inventory import Gpu

_TIMEOUT_S = 20
_LOADERS = ("libvulkan.so.1", "libvulkan.1.dylib")
_VULKAN_1_2 = 1 << 22 | 2 << 12
_IDENTITY, _INSTANCE, _PROPERTIES = 0, 1, 1000059001
_DRIVER, _PCI = 1000196000, 1000212000
"""Numbers of the structures, by the Vulkan specification."""


class _Identity(ctypes.Structure):
    _fields_ = [
        *(("kind", c_uint32), ("next", c_void_p), ("name", c_char_p), ("version", c_uint32)),
        *(("engine", c_char_p), ("engine_version", c_uint32), ("api", c_uint32)),
    ]


class _Instance(ctypes.Structure):
    _fields_ = [
        *(("kind", c_uint32), ("next", c_void_p), ("flags", c_uint32), ("identity", c_void_p)),
        *(("layers", c_uint32), ("layer_names", c_void_p)),
        *(("extensions", c_uint32), ("extension_names", c_void_p)),
    ]


class _Pci(ctypes.Structure):
    _fields_ = [
        *(("kind", c_uint32), ("next", c_void_p), ("domain", c_uint32), ("bus", c_uint32)),
        *(("device", c_uint32), ("function", c_uint32)),
    ]


class _Driver(ctypes.Structure):
    _fields_ = [
        *(("kind", c_uint32), ("next", c_void_p), ("id", c_uint32), ("name", c_char * 256)),
        *(("info", c_char * 256), ("conformance", c_uint8 * 4)),
    ]


class _Properties(ctypes.Structure):
    _fields_ = [
        *(("kind", c_uint32), ("next", c_void_p), ("api", c_uint32), ("version", c_uint32)),
        *(("vendor", c_uint32), ("device", c_uint32), ("type", c_uint32), ("name", c_char * 256)),
        ("rest", c_uint8 * 1024),  # limits and features, which have about 600 bytes
    ]


class VulkanDevice(NamedTuple):
    name: str
    """As the driver calls the card."""
    driver: str
    """`radv, Mesa 25.2.3`."""
    pcie_address: str | None
    """None where the driver does not tell it: a rasterizer in software."""


def vulkan_devices() -> tuple[list[VulkanDevice], list[str]]:
    """Every device of every Vulkan driver here, and a sentence if they could not be asked.

    None without a loader, which is no failure.
    """
    try:
        done = subprocess.run(
            [sys.executable, "-m", __spec__.name],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_TIMEOUT_S,
            check=False,
        )
        if done.returncode:
            return [], [f"Vulkan: its drivers cannot be asked (exit status {done.returncode})."]
        return [VulkanDevice(*entry) for entry in json.loads(done.stdout)], []
    except (subprocess.TimeoutExpired, OSError, ValueError) as error:
        return [], [f"Vulkan: its drivers cannot be asked ({type(error).__name__})."]


def with_vulkan(gpus: Sequence[Gpu], served: Sequence[VulkanDevice]) -> list[Gpu]:
    """`gpus`, each with its Vulkan drivers where there are any."""
    drivers: dict[str | None, list[str]] = {}
    for device in served:
        drivers.setdefault(device.pcie_address, []).append(device.driver)
    return [
        gpu.model_copy(update={"vulkan_driver": "; ".join(drivers[gpu.pcie_address])})
        if gpu.pcie_address and gpu.pcie_address in drivers
        else gpu
        for gpu in gpus
    ]


def _ask() -> Iterator[VulkanDevice]:
    """In this process. Nothing without a loader or without a driver."""
    if (loader := _loader()) is None:
        return
    identity = _Identity(kind=_IDENTITY, api=_VULKAN_1_2)
    wanted = _Instance(kind=_INSTANCE, identity=ctypes.cast(ctypes.pointer(identity), c_void_p))
    instance, count = c_void_p(), c_uint32()
    if loader.vkCreateInstance(byref(wanted), None, byref(instance)):
        return
    loader.vkEnumeratePhysicalDevices(instance, byref(count), None)
    handles = (c_void_p * count.value)()
    loader.vkEnumeratePhysicalDevices(instance, byref(count), handles)
    for handle in handles[: count.value]:
        pci = _Pci(kind=_PCI)
        driver = _Driver(kind=_DRIVER, next=ctypes.cast(ctypes.pointer(pci), c_void_p))
        asked = _Properties(kind=_PROPERTIES, next=ctypes.cast(ctypes.pointer(driver), c_void_p))
        loader.vkGetPhysicalDeviceProperties2(c_void_p(handle), byref(asked))
        words = [text.decode(errors="replace") for text in (driver.name, driver.info) if text]
        located = pci.domain or pci.bus or pci.device or pci.function
        address = f"{pci.domain:04x}:{pci.bus:02x}:{pci.device:02x}.{pci.function:x}"
        yield VulkanDevice(
            asked.name.decode(errors="replace"), ", ".join(words), address if located else None
        )
    loader.vkDestroyInstance(instance, None)


def _loader() -> ctypes.CDLL | None:
    for name in _LOADERS:
        try:
            return ctypes.CDLL(name)
        except OSError:
            continue
    return None


if __name__ == "__main__":
    json.dump(list(_ask()), sys.stdout)
