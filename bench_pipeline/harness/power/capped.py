"""The power cap of one run: set, read back, settled, watched, and put back however the run ends.

At each moment somebody is left to put it back:

    before the note lies on the disk     nothing is set
    the benchmark ends, fails or is interrupted
                                         it does
    the benchmark is killed              its guard does, within half a second
    the guard is killed                  the benchmark starts another, and goes on
    both are killed at once              the next benchmark on this machine, before anything else;
                                         `python -m bench_pipeline.harness.power restore` does too
    the machine is switched off          no cap outlives that, and the note is of another boot
"""

import os
import secrets
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from bench_pipeline.errors import RigError
from bench_pipeline.harness.power.cards import Card, same
from bench_pipeline.harness.power.note import Found, Notes, boot
from bench_pipeline.harness.rig_lock import lock_path
from bench_pipeline.progress import Reporter
from bench_pipeline.records.devices import CappedCard, Gpu, PowerCap

SETTLE_S = 2.0
"""For so long in a row the driver must hold every card to its new cap before anything is measured.
The warm-up of each cell, which is thrown away, comes on top."""
SETTLE_LIMIT_S = 30.0
LOOK_S = 0.5
"""Between two looks at the guard and at the caps, while the run is measured."""
GUARD_GRACE_S = 5.0
GUARD_TRIES = 3
"""One may be killed before it says that it is there."""


class Cap:
    """A cap in force. `record`: as the run file keeps it, once it has settled."""

    record: PowerCap

    def __init__(
        self, asked_w: float, cards: Sequence[Card], command: Sequence[str] | None, notes: Notes
    ) -> None:
        self._asked_w, self._cards, self._command = asked_w, cards, command
        self._notes, self._token = notes, secrets.token_hex(16)
        self._guard: subprocess.Popen[bytes] | None = None
        self._ended = threading.Event()
        self._watch = threading.Thread(target=self._keep_watch, daemon=True)
        self._problem: RigError | None = None

    def check(self) -> None:
        """RigError where the cap is no longer what it was set to, or cannot be guarded."""
        if self._problem is not None:
            raise self._problem

    def set(self) -> None:
        with self._notes.only_setter() as lock:
            found = [(card, card.cap_w()) for card in self._cards]
            for card in self._cards:
                check_within(card, self._asked_w)
            self._start_guard()
            self._notes.write(Found(self._token, boot(), self._asked_w, tuple(found)))
            for card, before_w in found:
                if not same(before_w, self._asked_w):
                    card.set_w(self._asked_w, self._command, lock)
            read_back = [self._read_back(card) for card in self._cards]
        settled_s = self._settle()
        by = "command" if self._command else "nvml" if found[0][0].vendor == "nvidia" else "amdgpu"
        self.record = PowerCap(
            asked_w=self._asked_w,
            by=by,
            settled_s=settled_s,
            cards=[
                CappedCard(pcie_address=card.address, found_w=before_w, read_back_w=read_w)
                for (card, before_w), read_w in zip(found, read_back, strict=True)
            ],
        )
        self._watch.start()

    def end(self) -> list[tuple[Card, float, float]]:
        """Puts back what was found, and lets the guard go. As `Notes.put_back`."""
        try:
            self.stop_watching()
            return self._notes.put_back(self._command, token=self._token)
        finally:
            self._let_go()

    def _let_go(self) -> None:
        """Of the guard: what was not put back by now, it tries."""
        if self._guard is not None and self._guard.stdin is not None:
            self._guard.stdin.close()
            with suppress(subprocess.TimeoutExpired):
                self._guard.wait(GUARD_GRACE_S)

    def stop_watching(self) -> None:
        self._ended.set()
        if self._watch.is_alive():
            self._watch.join()

    def _read_back(self, card: Card) -> float:
        if same(read_w := card.cap_w(), self._asked_w):
            return read_w
        raise RigError(
            f"{card.told} was set to {self._asked_w:g} W and reads {read_w:g} W",
            mend="look whether something else on this machine sets it",
        )

    def _settle(self) -> float:
        """Seconds until every card was held to it for SETTLE_S in a row."""
        begun = since = time.monotonic()
        while time.monotonic() - since < SETTLE_S:
            time.sleep(SETTLE_S / 20)
            held = [(card, card.enforced_w()) for card in self._cards]
            other = [(card, w) for card, w in held if not same(w, self._asked_w)]
            if not other:
                continue
            since = time.monotonic()
            if since - begun > SETTLE_LIMIT_S:
                card, watts = other[0]
                raise RigError(
                    f"{card.told} was set to {self._asked_w:g} W, and its driver holds it to "
                    f"{watts:g} W",
                    mend="another limit is lower: name caps below it",
                )
        return round(time.monotonic() - begun, 2)

    def _start_guard(self) -> None:
        name = "bench_pipeline.harness.power.guard"
        path = os.pathsep.join(folder or str(Path.cwd()) for folder in sys.path)
        owner = [str(os.getpid()), self._token, str(self._notes.lock)]
        for _ in range(GUARD_TRIES):
            self._let_go()
            self._guard = subprocess.Popen(
                [sys.executable, "-P", "-m", name, *owner, *(self._command or ())],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                env={**os.environ, "PYTHONPATH": path},
                start_new_session=True,
            )
            assert self._guard.stdout is not None
            with self._guard.stdout as answer:
                if answer.readline() == b"ready\n":
                    return
        raise RigError(
            "the process that would put the power cap back cannot be started",
            mend="look at the lines above; without it no cap is set",
        )

    def _keep_watch(self) -> None:
        while not self._ended.wait(LOOK_S):
            self.look()

    def look(self) -> None:
        """At guard and caps; what is wrong, `check` raises from now on."""
        try:
            if self._guard is not None and self._guard.poll() is not None:
                self._start_guard()  # killed: another in its place
            for card in self._cards:
                if not same(now_w := card.cap_w(), self._asked_w):
                    raise RigError(
                        f"somebody set {card.told} to {now_w:g} W while it was measured at "
                        f"{self._asked_w:g} W: nothing of that is kept, and the cap is as it was "
                        "found",
                        mend="leave the cap alone while a campaign over caps runs",
                    )
        except RigError as error:
            self._problem = self._problem or error


def check_within(card: Card, watts: float) -> None:
    """RigError where the card takes no such cap."""
    least_w, most_w = card.limits()
    if (least_w or 0) <= watts <= (most_w or watts):
        return
    raise RigError(
        f"{watts:g} W is outside of what {card.told} takes: {least_w or 0:g} to {most_w or 0:g} W",
        mend="name caps within these limits",
    )


def cards_of(gpus: Sequence[Gpu]) -> list[Card]:
    """RigError where one of them has no cap that this code can set."""
    for gpu in gpus:
        if gpu.vendor not in ("nvidia", "amd") or not gpu.pcie_address or gpu.power_cap_w is None:
            raise RigError(
                f"no power cap can be set for {gpu.name}",
                mend="leave out the caps: NVIDIA's driver and amdgpu set them, of whole cards",
            )
    return list(dict.fromkeys(Card(gpu.vendor, str(gpu.pcie_address)) for gpu in gpus))


def restore(command: Sequence[str] | None, reporter: Reporter) -> None:
    """What a run that was killed with its guard left behind is put back. RigError if it cannot."""
    if sys.platform != "linux":
        return
    for card, was_w, now_w in Notes(lock_path()).put_back(command):
        reporter.say(
            f"A run that was killed left {card.told} at {was_w:g} W: {now_w:g} W again, as found"
        )


@contextmanager
def capped(
    asked_w: float | None,
    gpus: Callable[[], Sequence[Gpu]],
    command: Sequence[str] | None,
    reporter: Reporter,
) -> Iterator[Cap | None]:
    """Around one run, by who holds the rig. `asked_w`: for each of `gpus`, those that it computes
    on; None: as it is found, and nothing but `restore` is done.

    RigError where the cap cannot be set, does not hold, or was changed by somebody meanwhile: then
    nothing of the run may be kept.
    """
    restore(command, reporter)
    if asked_w is None:
        yield None
        return
    if sys.platform != "linux":
        raise RigError("power caps are set on Linux only", mend="leave out the caps")
    cap = Cap(asked_w, cards_of(gpus()), command, Notes(lock_path()))
    try:
        cap.set()
        found = ", ".join(f"{card.found_w:g} W" for card in cap.record.cards)
        reporter.say(f"Power cap {asked_w:g} W: set, read back and held (found: {found})")
        yield cap
        cap.stop_watching()
        cap.look()
        cap.check()
    finally:
        for card, _, now_w in cap.end():
            reporter.say(f"Power cap of {card.told} is {now_w:g} W again")
