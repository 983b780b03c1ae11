"""Trees that look like a machine's /proc, /sys and /etc."""

from collections.abc import Callable
from pathlib import Path

import pytest

Tree = Callable[[dict[str, str]], Path]


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    """Writes files (path: content) below a fresh root; `-> target` makes a symbolic link."""
    root = tmp_path / "root"
    root.mkdir()

    def write(files: dict[str, str]) -> Path:
        for name, content in files.items():
            path = root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            if content.startswith("-> "):
                path.symlink_to(root / content.removeprefix("-> "))
            else:
                path.write_text(content + "\n")
        return root

    return write


@pytest.fixture
def pci(tree: Tree) -> Callable[..., Path]:
    """Puts a device on the PCI bus of the tree, behind bridges where `bridges` names some."""

    def plug(
        address: str, files: dict[str, str], bridges: dict[str, dict[str, str]] | None = None
    ) -> Path:
        folder = "sys/devices/pci0000:00"
        for place, content in {**(bridges or {}), address: files}.items():
            folder = f"{folder}/{place}"
            tree({f"{folder}/{name}": text for name, text in content.items()})
            root = tree({f"sys/bus/pci/devices/{place}": f"-> {folder}"})
        return root

    return plug
