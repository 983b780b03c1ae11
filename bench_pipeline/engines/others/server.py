"""A server of another family for part of a run: started as the rig file says."""

import re
import time
from pathlib import Path
from typing import Self

import httpx

from bench_pipeline.engines import guard
from bench_pipeline.engines.dialects.families import FAMILIES
from bench_pipeline.engines.dialects.protocol import Unlike
from bench_pipeline.engines.guarded import (
    LOOK_S,
    PORT_TRIES,
    GuardedServer,
    free_port,
    load_limit_s,
    somebody_listens,
)
from bench_pipeline.engines.llama_cpp.asking import ask, local_client
from bench_pipeline.engines.llama_cpp.environment import launch_environment
from bench_pipeline.engines.llama_cpp.installed import InstalledEngine, check_not_exchanged
from bench_pipeline.engines.llama_cpp.log_reading import ending, scrub
from bench_pipeline.engines.others.proving import check_proof
from bench_pipeline.errors import EngineError

COMPILING_S = 480
"""What an engine may take beyond a llama-server: some compile for the card that they find."""

_PLACEHOLDER = re.compile(r"\{(model|port|slots|context|total_context|threads)\}")


def _size_of(model: Path) -> int:
    """Bytes of the file, or of all in the folder."""
    files = model.iterdir() if model.is_dir() else (model,)
    return sum(file.stat().st_size for file in files)


class OtherServer(GuardedServer):
    """One server of another family on this machine; a context manager.

    `with` starts it and waits until it answers; leaving the block stops it. EngineError instead:
    `load` (it ended), `oom` (for want of memory), `hang` (it never answered) or `refused` (it says
    that it is another version, has another model, fewer slots or less context than was asked for),
    with the last lines of its log. Of what it does not tell nothing is known.
    """

    limit_bytes = guard.MEMORY_LIMIT_BYTES  # vLLM's processes share 240 MB, others more

    def __init__(
        self,
        engine: InstalledEngine,
        *,
        model: Path,
        threads: int,
        slots: int,
        context_tokens_per_slot: int,
        log_path: Path,
    ) -> None:
        super().__init__(log_path, where=f"{engine.build} with {model.name}")
        if engine.started is None:
            raise ValueError(f"{engine.build} is not started by a rig file's command")
        self._engine, self._setup, self._model = engine, engine.started, model
        self._wanted_slots, self._wanted_context = slots, context_tokens_per_slot
        self._values = {
            "model": str(model),
            "slots": str(slots),
            "context": str(context_tokens_per_slot),
            "total_context": str(slots * context_tokens_per_slot),
            "threads": str(threads),
        }

    def __enter__(self) -> Self:
        for left in reversed(range(PORT_TRIES)):
            port = free_port()
            try:
                began = time.monotonic()
                self._start(self._command(port), port, self._environment())
                self._wait_until_ready()
                self.load_ms = round((time.monotonic() - began) * 1000, 1)
                self._prove()
                return self
            except BaseException as error:  # also Ctrl-C while it loads
                taken = isinstance(error, EngineError) and not self._was_ours(port)
                self.stop()
                if not (taken and left):
                    raise
        raise AssertionError("unreachable: the last try raises")

    def _was_ours(self, port: int) -> bool:
        """False: another program took the port in the moment before the server bound it."""
        return self.alive() or not somebody_listens(port)

    def _command(self, port: int) -> list[str]:
        values = self._values | {"port": str(port)}
        words = self._setup.command[1:]
        filled = [_PLACEHOLDER.sub(lambda found: values[found[1]], word) for word in words]
        return [str(self._engine.binary), *filled]

    def _environment(self) -> dict[str, str]:
        return launch_environment(self._engine.library_dir, self._setup.env)

    def _wait_until_ready(self) -> None:
        limit_s = COMPILING_S + load_limit_s(_size_of(self._model))
        deadline = time.monotonic() + limit_s
        with local_client(self.base_url, timeout_s=5) as client:
            while not self._is_ready(client):
                if not self.alive():
                    raise self._why_it_ended()
                if time.monotonic() > deadline:
                    raise self._error(
                        f"it did not answer {self._setup.ready} within {limit_s:.0f} s",
                        mend="look at its log; correct `command` or `ready` in the rig file",
                        kind="hang",
                    )
                time.sleep(LOOK_S)

    def _is_ready(self, client: httpx.Client) -> bool:
        try:
            return client.get(self._setup.ready).status_code == 200 and self._owns_port()
        except httpx.HTTPError:
            return False

    def _prove(self) -> None:
        check_not_exchanged(self._engine)
        with local_client(self.base_url) as client:
            try:
                told = FAMILIES[self._setup.family].prove(
                    lambda method, path, body: ask(client, method, path, body)
                )
            except (Unlike, httpx.HTTPError) as error:
                raise self._refused(f"what it says of itself cannot be read: {error}") from None
        self.slots, self.context_tokens_per_slot = told.slots, told.context
        wanted = self._wanted_slots, self._wanted_context
        try:
            check_proof(told, self._setup, self._model.name, *wanted)
        except Unlike as error:
            raise self._refused(str(error)) from None

    def _refused(self, problem: str) -> EngineError:
        mend = "correct `version` or `command` in the rig file"
        return self._error(self._scrub(problem), mend=mend, kind="refused")

    def _why_it_ended(self) -> EngineError:
        self._read_exit_status()
        short = any("out of memory" in line.lower() for line in self.log_tail())
        return self._error(
            f"it {ending(self.exit_status)} while it loaded {self._model.name}",
            mend="look at its log; correct `command` in the rig file, or choose another model",
            kind="oom" if short else "load",
        )

    def _scrub(self, text: str) -> str:
        folders = [self._model.parent, self._engine.library_dir, Path.home()]
        return scrub(text, [folder for folder in folders if folder != Path("/")])
