"""The caps that were found, written down before one is set, for whoever comes after a kill.

It lies beside the rig's lock. There is one at most, as one benchmark at a time holds the rig. It
holds no command: everybody may write to that folder.
"""

import json
import os
import stat
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from bench_pipeline.errors import RecordError, RigError
from bench_pipeline.harness.power.cards import COMMAND_LIMIT_S, Card, same
from bench_pipeline.harness.shared_file import open_for_all
from bench_pipeline.inventory.sysfs import SYSTEM, read_text

WAIT_S = 2 * COMMAND_LIMIT_S
"""For another that is setting a cap."""


@dataclass(frozen=True)
class Found:
    """token   of the run that wrote it
    boot    of the kernel: a cap does not outlive it
    asked_w what was set, on each of the cards
    cards   each with the cap that was found, in W
    """

    token: str
    boot: str
    asked_w: float
    cards: tuple[tuple[Card, float], ...]


def boot() -> str:
    return read_text(SYSTEM / "proc/sys/kernel/random/boot_id") or "unknown"


@dataclass(frozen=True)
class Notes:
    """Where the note lies: `lock`, the rig's lock file, names the folder."""

    lock: Path

    @property
    def path(self) -> Path:
        return self.lock.with_suffix(".cap")

    @contextmanager
    def only_setter(self) -> Iterator[int]:
        """Nobody else reads the note, sets a cap or puts one back within. Yields an open file that
        carries the lock into what is started with it: a command that goes on when its starter was
        killed holds off who would put the cap back before it."""
        import fcntl  # Windows has none, nor caps

        path = self.lock.with_suffix(".cap-lock")
        try:
            file = open_for_all(path, os.O_RDWR)
        except OSError as error:
            raise RigError(
                f"the lock of who sets power caps cannot be opened: {error.strerror or error}",
                mend="remove what lies there, as its owner or root; it is made anew",
                where=path,
            ) from None
        try:
            deadline = time.monotonic() + WAIT_S
            while True:
                try:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    if time.monotonic() > deadline:
                        raise RigError(
                            f"a command that sets a power cap has not ended for {WAIT_S:.0f} s",
                            mend="look what it waits for, end it, then run this again",
                            where=path,
                        ) from None
                    time.sleep(0.02)
            yield file
        finally:
            os.close(file)

    def read(self) -> Found | None:
        """None: there is none. RigError where it is not to be trusted."""
        try:
            file = os.open(self.path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise self._unusable(str(error.strerror or error)) from None
        with os.fdopen(file) as text:
            state = os.fstat(file)
            if not stat.S_ISREG(state.st_mode) or state.st_uid not in (0, os.geteuid()):
                raise self._unusable("it is not of this user, nor of root")
            try:
                known = json.load(text)
                cards = tuple((Card(**card), float(w)) for card, w in known.pop("cards"))
                return Found(str(known["token"]), known["boot"], float(known["asked_w"]), cards)
            except (ValueError, TypeError, LookupError):
                raise self._unusable("it cannot be read") from None

    def write(self, found: Found) -> None:
        """On the disk when it returns: nothing is set before."""
        # only here: the guard, which writes none, is to stay small
        from bench_pipeline.records.yaml.files import write_atomically

        content = vars(found) | {"cards": [(vars(card), w) for card, w in found.cards]}
        try:
            write_atomically(self.path, json.dumps(content))
        except RecordError as error:
            raise self._unusable(error.problem) from None

    def remove(self) -> None:
        with suppress(OSError):  # then it is found once more, and the cap as it should be
            self.path.unlink(missing_ok=True)
            folder = os.open(self.path.parent, os.O_RDONLY | os.O_DIRECTORY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)

    def put_back(
        self, command: Sequence[str] | None, *, token: str | None = None
    ) -> list[tuple[Card, float, float]]:
        """Every noted card has its cap again, read back, and the note is gone. Returns those whose
        cap was another: the card, what it was and what it is, in W.

        token  of one's own note, whoever changed the cap since; where it is another's or gone,
               nothing is done. None: of whichever lies there, left behind by a run that was killed;
               a cap that somebody set after that stays, as does one of another boot.
        """
        if token is None and not os.path.lexists(self.path):
            return []  # whoever removed it had put back by then
        with self.only_setter() as lock:
            found = self.read()
            if found is None or (token is not None and found.token != token):
                return []
            changed = []
            if token is not None or found.boot == boot():
                for card, before_w in found.cards:
                    now_w = card.cap_w()
                    ours = token is not None or same(now_w, found.asked_w)
                    if same(now_w, before_w) or not ours:
                        continue
                    card.set_w(before_w, command, lock)
                    if not same(read_w := card.cap_w(), before_w):
                        raise RigError(
                            f"the power cap of {card.told} was {before_w:g} W and cannot be put "
                            f"back: it reads {read_w:g} W",
                            mend=f"set it to {before_w:g} W, then remove {self.path}",
                        )
                    changed.append((card, now_w, before_w))
            self.remove()
            return changed

    def _unusable(self, why: str) -> RigError:
        return RigError(
            f"the note of a power cap that was found: {why}",
            mend="see that the caps are as they should be, then remove it, as its owner or root",
            where=self.path,
        )
