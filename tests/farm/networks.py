"""A bridge with the control plane on it and a wire for each rig, where namespaces can be made."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field


def namespaces_work() -> bool:
    if os.geteuid() != 0 or shutil.which("ip") is None or shutil.which("unshare") is None:
        return False
    tried = [
        ["unshare", "-m", "-n", "true"],
        ["ip", "link", "add", f"try{os.getpid()}", "type", "bridge"],
        ["ip", "link", "del", f"try{os.getpid()}"],
    ]
    return all(
        subprocess.run(words, capture_output=True, check=False).returncode == 0 for words in tried
    )


@dataclass
class Network:
    """A bridge with the control plane on it, and a wire for each rig."""

    address: str
    isolated: bool
    names: list[str] = field(default_factory=list)

    def wire(self, number: int) -> str | None:
        """A network namespace for a rig; None where there is one network for all."""
        if not self.isolated:
            return None
        subnet = self.address.rsplit(".", 1)[0]
        name, ours, theirs = (f"{kind}{os.getpid()}-{number}" for kind in ("rig", "h", "r"))
        script = f"""set -e
        ip netns add {name}
        ip link add {ours} type veth peer name {theirs} netns {name}
        ip link set {ours} master farm{os.getpid()} up
        ip -n {name} addr add {subnet}.{number + 10}/24 dev {theirs}
        ip -n {name} link set {theirs} up
        ip -n {name} link set lo up
        """
        subprocess.run(["sh", "-c", script], check=True)
        self.names.append(name)
        return name

    def cut(self, number: int, *, is_cut: bool) -> None:
        state = "down" if is_cut else "up"
        subprocess.run(["ip", "link", "set", f"h{os.getpid()}-{number}", state], check=True)


@contextmanager
def network() -> Iterator[Network]:
    if not namespaces_work():
        yield Network("127.0.0.1", False)
        return
    bridge, subnet = f"farm{os.getpid()}", f"10.213.{os.getpid() % 250 + 1}"  # several test runs
    made = Network(f"{subnet}.1", True)
    script = f"""set -e
    ip link add {bridge} type bridge
    ip addr add {made.address}/24 dev {bridge}
    ip link set {bridge} up"""
    subprocess.run(["sh", "-c", script], check=True)
    try:
        yield made
    finally:
        for name in made.names:
            subprocess.run(["ip", "netns", "del", name], check=False)
        subprocess.run(["ip", "link", "del", bridge], check=False)
