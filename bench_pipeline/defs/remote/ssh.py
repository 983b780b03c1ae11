"""A command on a rig that is reached by ssh: what it is sent, what it says, how it ended.

The system's own `ssh` does it, with its own settings, keys and known hosts: nothing is asked on a
terminal, no unknown host is trusted, and nothing of this machine is lent to the rig.
"""

import os
import shlex
import subprocess
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from typing import Self

from bench_pipeline.errors import RigError
from bench_pipeline.harness.carried.messages import SIGN_S

SSH_VARIABLE = "BENCH_PIPELINE_SSH"
"""Words before the host, as `ssh -F file`; the rest is ours."""
GRACE_S = 30.0
"""What a rig has to stop its engine, once it is told that nobody asks any more."""
_OPTIONS = {
    "BatchMode": "yes",
    "StrictHostKeyChecking": "yes",
    "ConnectTimeout": "10",
    "ServerAliveInterval": "15",
    "ServerAliveCountMax": "3",
    "ControlPath": "none",  # a connection of its own, which ends with it
    "ForwardAgent": "no",
    "ForwardX11": "no",
    "ClearAllForwardings": "yes",
}
_LONGEST_LINE_BYTES = 32 * 2**20
_OF_SSH, _NOT_FOUND = 255, 127
"""Exit codes: the connection's own, and the shell's over there."""


class Connection:
    """While the block lasts. Left early, by an interrupt too, the command over there ends."""

    def __init__(self, address: str, words: list[str]) -> None:
        self._address = address
        options = [word for name, value in _OPTIONS.items() for word in ("-o", f"{name}={value}")]
        ssh = shlex.split(os.environ.get(SSH_VARIABLE, "ssh"))
        self._command = [*ssh, "-T", *options, "--", address, shlex.join(words)]
        self._said: deque[str] = deque(maxlen=20)
        self._over = threading.Event()

    def __enter__(self) -> Self:
        try:
            self._process = subprocess.Popen(
                self._command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                start_new_session=True,  # Ctrl-C is for us: the rig ends in good order
            )
        except OSError as error:
            raise RigError(
                f"`{self._command[0]}` cannot be started: {error.strerror}",
                mend="install OpenSSH's client (Debian, Ubuntu: sudo apt-get install"
                " openssh-client)",
                where=self._address,
            ) from None
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._hang_up()
        try:
            self._process.wait(GRACE_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._listener.join()
        for stream in (self._process.stdout, self._process.stderr):
            assert stream is not None
            stream.close()

    def send(self, line: str) -> None:
        """And from then on, now and then, a sign that we are here."""
        self._write(line.encode() + b"\n")
        threading.Thread(target=self._give_signs, daemon=True).start()

    def lines(self) -> Iterator[bytes]:
        """What it says, each line once it is whole."""
        assert self._process.stdout is not None
        while (line := self._process.stdout.readline(_LONGEST_LINE_BYTES)).endswith(b"\n"):
            yield line

    def why_it_ended(self, where: str, has_begun: bool) -> RigError:
        """Of a command that did not say that it is done. `where`: its folder over there."""
        self._hang_up()
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(GRACE_S)
        self._listener.join(GRACE_S)
        code, told = self._process.returncode, "\n".join(self._said)
        last = self._said[-1] if self._said else f"exit code {code}"
        if "HOST IDENTIFICATION HAS CHANGED" in told:
            problem = "its host key is another than the one that is known"
            mend = f"find out why first; then: ssh-keygen -R, and once by hand: ssh {self._address}"
        elif "Host key verification failed" in told:
            problem = "its host key is not known here"
            mend = f"connect once by hand and compare the key: ssh {self._address}"
        elif "Permission denied" in told and code == _OF_SSH:
            problem = f"it lets us not in: {last}"
            mend = f"put a key there that needs no passphrase typed: ssh-copy-id {self._address}"
        elif code == _OF_SSH and has_begun:
            problem = f"the connection ended while it measured: {last}"
            mend = "see that it is on, then launch it again; nothing of this run was taken in"
        elif code == _OF_SSH:
            problem = f"cannot be reached: {last}"
            mend = f"see that it is on, and that this works: ssh {self._address} true"
        elif code == _NOT_FOUND or "No module named" in told:
            problem = f"there is no bench_pipeline in `{where}` there: {last}"
            mend = "install it there (docs/second-machine.md), or correct `ssh` in its rig file"
        else:
            problem = f"what measured there ended: {last}"
            mend = "mend that on the rig, then launch it again"
        return RigError(problem, mend=mend, where=self._address)

    def _write(self, words: bytes) -> bool:
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(words)
            self._process.stdin.flush()
            return True
        except (OSError, ValueError):  # gone, or hung up: how it ended says why
            return False

    def _hang_up(self) -> None:
        assert self._process.stdin is not None
        with suppress(OSError):
            self._process.stdin.close()

    def _give_signs(self) -> None:
        while not self._over.wait(SIGN_S) and self._write(b"\n"):
            pass

    def _listen(self) -> None:
        assert self._process.stderr is not None
        for line in self._process.stderr:
            if text := line.decode(errors="replace").strip():
                self._said.append(text)
