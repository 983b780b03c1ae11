"""A real sshd on a port of its own, behind which lies a home with the light install alone."""

import getpass
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from bench_pipeline.defs.remote.ssh import SSH_VARIABLE
from bench_pipeline.harness.rig_lock import LOCK_VARIABLE
from bench_pipeline.paths import artefact_cache, checkout
from tests.checkouts import with_rules, with_short_looks, with_starved_clients_heard
from tests.farm.machines import free_ports
from tests.once import once
from tests.test_layers import make_rig_environment
from tests.waiting import wait_until

SSHD = shutil.which("sshd", path=f"{os.environ['PATH']}:/usr/sbin")
SERVER = """\
Port {port}
ListenAddress 127.0.0.1
HostKey {folder}/host_key
AuthorizedKeysFile {folder}/key.pub
PidFile none
StrictModes no
UsePAM no
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin prohibit-password
SetEnv {environment}
"""
CLIENT = """\
Host tin
HostKeyAlias tin
Port {port}
Host unknown
HostKeyAlias unknown
Port {port}
Host changed
HostKeyAlias changed
Port {port}
Host off
Port {closed}
Host *
HostName 127.0.0.1
User {user}
IdentitiesOnly yes
IdentityFile {folder}/key
UserKnownHostsFile {folder}/known
GlobalKnownHostsFile /dev/null
"""


@dataclass
class Reached:
    """What answers behind `tin`."""

    folder: Path
    server: psutil.Process

    @property
    def home(self) -> Path:
        """With the light install."""
        return self.folder / "bench"

    def engines(self) -> list[psutil.Process]:
        found = []
        for process in psutil.process_iter():
            with suppress(psutil.Error):
                words = " ".join(process.cmdline())
                if process.name() == "llama-server" and str(self.folder) in words:
                    found.append(process)
        return found

    def until_no_engine(self) -> None:
        wait_until(lambda: not self.engines(), "the engine to end", str)

    def unplug(self) -> None:
        """Every connection is gone at once, with no word to anybody."""
        for process in self.server.children(recursive=False):
            for each in [*process.children(recursive=False), process]:
                if each.name().startswith("sshd"):
                    each.kill()


@pytest.fixture(scope="module")
def tin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reached]:
    if SSHD is None:
        pytest.skip("no sshd here: sudo apt-get install openssh-server")
    folder = tmp_path_factory.mktemp("tin")
    _light_install(once(tmp_path_factory, "rig-environment", make_rig_environment), folder)
    for name in ("host_key", "key", "other_key"):
        subprocess.run(
            ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / name)], check=True
        )
    own, other = (folder / f"{name}_key.pub" for name in ("host", "other"))
    (folder / "known").write_text(f"tin {own.read_text()}changed {other.read_text()}")
    port, closed = free_ports(2)
    environment = {
        "PYTHONPATH": str(folder / "package"),
        "BENCH_PIPELINE_CACHE": str(folder / "cache"),
        LOCK_VARIABLE: str(folder / "rig.lock"),
    }
    words = " ".join(f"{name}={value}" for name, value in environment.items())
    names = {"folder": folder, "port": port, "closed": closed, "user": getpass.getuser()}
    (folder / "server").write_text(SERVER.format(**names, environment=words))
    (folder / "client").write_text(CLIENT.format(**names))
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(exist_ok=True)  # where it gives up its rights, as its service does
    with (folder / "log").open("w") as log:
        server = subprocess.Popen([SSHD, "-D", "-e", "-f", str(folder / "server")], stderr=log)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(SSH_VARIABLE, f"ssh -F {folder / 'client'}")
        try:
            wait_until(lambda: "listening" in (folder / "log").read_text(), "sshd", str)
            yield Reached(folder, psutil.Process(server.pid))
        finally:
            server.terminate()
            server.wait()


def _light_install(environment: Path, folder: Path) -> None:
    """Of code whose runs are short."""
    home = folder / "bench"
    home.mkdir()
    for name in ("bin", "lib", "pyvenv.cfg"):
        (home / name).symlink_to(environment / name)
    package = folder / "package"
    shutil.copytree(checkout().root / "bench_pipeline", package / "bench_pipeline")
    with_starved_clients_heard(with_short_looks(package))
    few = {"min_waves": "1", "max_waves": "1", "warmup_waves": "0", "curve_depths": "()"}
    with_rules(package, **few)
    (folder / "cache").mkdir()
    for name in ("engines", "models"):
        (folder / "cache" / name).symlink_to(artefact_cache() / name)
