"""llama-server for the length of one run: started, proven, and never left behind."""

import signal
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

import httpx

from bench_pipeline.engines.guarded import (
    LOOK_S,
    PORT_TRIES,
    GuardedServer,
    free_port,
    load_limit_s,
    somebody_listens,
)
from bench_pipeline.engines.llama_cpp.asking import ask, local_client
from bench_pipeline.engines.llama_cpp.command import (
    arrangement_options,
    drafting_options,
    placement_options,
    remote_endpoints,
    sharing,
)
from bench_pipeline.engines.llama_cpp.devices import pinned_devices
from bench_pipeline.engines.llama_cpp.environment import launch_environment
from bench_pipeline.engines.llama_cpp.gguf import size_on_disk
from bench_pipeline.engines.llama_cpp.installed import (
    InstalledEngine,
    check_not_exchanged,
    does_not_run,
)
from bench_pipeline.engines.llama_cpp.log_reading import (
    decisive_line,
    ending,
    out_of_memory,
    port_was_taken,
    scrub,
    unknown_argument,
)
from bench_pipeline.errors import EngineError
from bench_pipeline.records.rig import Backend, BackendSetup

LOG_PATIENCE_S = 10
"""How long a server that answers may take to write what it said while it loaded."""


class _PortTakenError(EngineError):
    """Another program took the port in the moment before the server bound it."""


class LlamaServer(GuardedServer):
    """One llama-server on this machine; a context manager.

    `with` starts it, waits until it answers, and checks at its own `/props` that it has the
    slots and the context asked for; leaving the block stops it. EngineError instead: kind
    `load` (it refused), `oom` (memory), `crash` (it died without a word), `hang` (it never
    answered) or `refused` (it runs, but with less than was asked for, or cannot run in the
    mode), with the last lines of its log. It is gone soon after this process, however that
    ends.

    props     its answer to `/props`, which proves slots and context
    devices   empty on `cpu`
    """

    def __init__(
        self,
        engine: InstalledEngine,
        *,
        model: Path,
        backend: Backend,
        setup: BackendSetup,
        threads: int,
        slots: int,
        context_tokens_per_slot: int,
        log_path: Path,
        draft: Path | None = None,
        keeps_prompts: bool = False,
        extra_args: Sequence[str] = (),
        load_timeout_s: float | None = None,
    ) -> None:
        """
        draft             a model that drafts for `model`, on the same devices
        keeps_prompts     what a slot holds of a prompt may be reused by the next, where it asks
        extra_args        what the mode asks of the server; they win over the rig file's
        load_timeout_s    None: two minutes and the time that a slow disk needs
        """
        super().__init__(log_path, where=f"{engine.build} with {model.name}")
        self._engine, self._model, self._backend, self._setup = engine, model, backend, setup
        self._threads, self._draft, self._extra_args = threads, draft, list(extra_args)
        self._keeps_prompts = keeps_prompts
        self._wanted_slots, self._wanted_context = slots, context_tokens_per_slot
        self._load_timeout_s = load_timeout_s
        self.props: dict[str, Any] = {}

    def __enter__(self) -> Self:
        for left in reversed(range(PORT_TRIES)):
            try:
                began = time.monotonic()
                self._launch(free_port())
                self._wait_until_ready()
                self.load_ms = round((time.monotonic() - began) * 1000, 1)
                self._prove()
                return self
            except _PortTakenError:
                self.stop()
                if not left:
                    raise
            except BaseException:  # also Ctrl-C while it loads
                self.stop()
                raise
        raise AssertionError("unreachable: the last try raises")

    def _command(self, port: int) -> list[str]:
        # These spellings are known to every build from b10068 to b11434.
        command = [str(self._engine.binary), "--model", str(self._model)]
        command += ["--alias", self._model.name]  # else every event carries the model's path
        command += ["--host", "127.0.0.1", "--port", str(port)]
        command += ["--parallel", str(self._wanted_slots)]
        command += ["--ctx-size", str(self._wanted_slots * self._wanted_context)]
        command += ["--threads", str(self._threads)]
        command += self._placed() + self._drafting()
        command += ["--fit", "off"]  # else it moves layers silently
        command += ["--cache-ram", "0"]  # else prompts of other slots come back
        if not self._keeps_prompts:  # prefill is measured cold
            command += ["--no-cache-prompt", "--ctx-checkpoints", "0"]
        command += ["--no-webui", "--verbosity", "4"]  # 4: devices, layers and buffers
        return command + arrangement_options(self._setup) + self._setup.args + self._extra_args

    def _placed(self) -> list[str]:
        placed = placement_options(self._backend, self._setup, self._pinned())
        self.devices = sharing(placed, self._setup.args + self._extra_args)
        return placed

    def _drafting(self) -> list[str]:
        return drafting_options(self._draft, self._pinned(), self._threads)

    def planned_devices(self) -> list[str]:
        """`devices`, before it is started; none where there is no such device: starting it says
        why."""
        with suppress(EngineError):
            self._placed()
        return self.devices

    def _pinned(self) -> str:
        """As `--device` takes them; `none` on `cpu`."""
        if self._backend == "cpu":
            return "none"
        return ",".join(pinned_devices(self._engine, self._backend, self._setup, self._scrub))

    def _launch(self, port: int) -> None:
        env = launch_environment(self._engine.library_dir, self._setup.env)
        self._start(self._command(port), port, env)

    def _wait_until_ready(self) -> None:
        size_bytes = sum(size_on_disk(file) for file in (self._model, self._draft) if file)
        limit_s = self._load_timeout_s or load_limit_s(size_bytes)
        deadline = time.monotonic() + limit_s
        with local_client(timeout_s=1) as client:
            while not self._is_ready(client):
                if not self.alive():
                    raise self._why_it_ended()
                if time.monotonic() > deadline:
                    raise self._error(
                        f"it did not answer within {limit_s:.0f} s",
                        mend="look at its log; a slow disk or a huge model needs longer",
                        kind="hang",
                    )
                time.sleep(LOOK_S)
            self._wait_for_its_log()
            self.props = self._ask_props(client)

    def _wait_for_its_log(self) -> None:
        """A thread of its own writes it, on a busy machine long after the first answer: until the
        line that ends loading is there, the lines before it prove nothing."""
        deadline = time.monotonic() + LOG_PATIENCE_S
        while self.alive() and time.monotonic() < deadline:
            if any("listening on" in line for line in self.log_lines()):
                return
            time.sleep(LOOK_S / 5)

    def _ask_props(self, client: httpx.Client) -> dict[str, Any]:
        try:
            return ask(client, "GET", f"{self.base_url}/props", limit_s=30)
        except httpx.HTTPError as error:
            if not self.alive():
                raise self._why_it_ended() from None
            raise self._error(
                f"its `/props` cannot be read: {error}", mend="choose another build"
            ) from None

    def _is_ready(self, client: httpx.Client) -> bool:
        try:
            healthy = client.get(f"{self.base_url}/health").status_code == 200
        except httpx.HTTPError:
            return False
        return healthy and self._owns_port()

    def _prove(self) -> None:
        check_not_exchanged(self._engine)
        settings = self.props.get("default_generation_settings")
        slots = self.props.get("total_slots")
        context = settings.get("n_ctx") if isinstance(settings, dict) else None
        if not all(type(told) is int and 0 < told < 2**31 for told in (slots, context)):
            raise self._error(
                "its `/props` tell neither how many slots it has nor their context",
                mend="choose another build",
                kind="refused",
            )
        assert isinstance(slots, int) and isinstance(context, int)
        self.slots, self.context_tokens_per_slot = slots, context
        if slots < self._wanted_slots:
            raise self._error(
                f"it has {slots} slots, {self._wanted_slots} were asked for",
                mend="remove `--parallel` from the rig file's `args`",
                kind="refused",
            )
        if context < self._wanted_context:
            raise self._error(
                f"each slot has {context:,} tokens of context, {self._wanted_context:,} were "
                "asked for",
                mend="the model was trained for less, or the rig file's `args` set `--ctx-size`",
                kind="refused",
            )

    def _why_it_ended(self) -> EngineError:
        self._read_exit_status()
        status, lines = self.exit_status, self.log_lines()
        if status in (127, -signal.SIGILL):  # it never came to main()
            where = f"{self._engine.channel} {self._engine.build}"
            return does_not_run(status, [self._scrub(line) for line in lines], where)
        # Asked too, because a server that cannot bind often exits with its log unwritten.
        if port_was_taken(lines) or somebody_listens(self._port):
            return _PortTakenError(
                f"port {self._port} was taken by another program",
                mend="run it again",
                where=self._engine.build,
                log_tail=tuple(self.log_tail()),
            )
        if (reason := decisive_line(lines)) is None:
            return self._error(
                f"it {ending(status)} while it loaded {self._model.name}",
                mend="look at its log; SIGKILL usually means that the machine ran out of memory",
                kind="crash",
            )
        if out_of_memory(lines):
            mend = "choose a smaller model or quant, fewer streams, or free memory on the rig"
            return self._error(self._scrub(reason), mend=mend, kind="oom")
        switch = unknown_argument(reason)
        if switch in self._drafting() + self._extra_args:
            return self._error(
                f"build {self._engine.build} does not take `{switch}`, which the mode needs: "
                f"{self._scrub(reason)}",
                mend="choose a build that knows it, or measure without this mode",
                kind="refused",
            )
        mend = (
            "correct the backend's `args`, or choose a build that knows them"
            if switch
            else f"check that build {self._engine.build} knows this model and its file is whole"
        )
        return self._error(self._scrub(reason), mend=mend)

    def _scrub(self, text: str) -> str:
        folders = [self._model.parent, self._engine.library_dir, Path.home()]
        folders += [self._draft.parent] if self._draft else []
        hosts = remote_endpoints(self._argv)
        return scrub(text, [folder for folder in folders if folder != Path("/")], hosts)
