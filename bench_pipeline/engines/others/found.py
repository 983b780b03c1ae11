"""A server that is running already: asked, measured, and left as it was found."""

from contextlib import suppress
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit

import httpx
import psutil

from bench_pipeline.engines.dialects.families import FAMILIES
from bench_pipeline.engines.dialects.protocol import Unlike
from bench_pipeline.engines.guarded import GuardedServer
from bench_pipeline.engines.llama_cpp.asking import ask, local_client
from bench_pipeline.engines.llama_cpp.installed import InstalledEngine
from bench_pipeline.engines.llama_cpp.log_reading import scrub
from bench_pipeline.engines.others.proving import check_proof
from bench_pipeline.errors import EngineError
from bench_pipeline.records.model import ModelFile

LOADING_S = 600.0
"""How long it may take to answer while it loads a model."""


class FoundServer(GuardedServer):
    """One that somebody else started; a context manager.

    `with` asks it for the model by the name that the rig file has for it; leaving the block has it
    loaded what it had before, and nothing else of ours. EngineError instead: `load` (it does not
    answer) or `refused` (it says that it is another version, that its file is another, or that it
    has fewer slots or less context).
    """

    def __init__(
        self,
        engine: InstalledEngine,
        *,
        model: ModelFile,
        slots: int,
        context_tokens_per_slot: int,
        log_path: Path,
    ) -> None:
        super().__init__(log_path, where=f"{engine.build} with {model.slug}")
        if engine.started is None or engine.started.base_url is None:
            raise ValueError(f"{engine.build} is not found running")
        self._setup, self._model = engine.started, model
        self._url, self._name = engine.started.base_url, engine.started.models[model.slug]
        self._dialect = FAMILIES[engine.started.family]
        self._wanted = slots, context_tokens_per_slot
        self._before: dict[str, Any] | None = None
        place = "another-host" if engine.started.elsewhere else urlsplit(self._url).netloc
        self._argv = ["found", "--at", place, "--as", self._name]

    @property
    def base_url(self) -> str:
        return self._url

    @property
    def watched_pid(self) -> int | None:
        """The process that listens there, as far as this user may know."""
        if self._setup.elsewhere:
            return None
        with suppress(psutil.Error):
            for each in psutil.net_connections("tcp"):
                port = each.laddr.port if each.laddr else None
                if each.status == psutil.CONN_LISTEN and port == urlsplit(self._url).port:
                    return each.pid
        return None

    def __enter__(self) -> Self:
        if not self.alive():
            raise self._error(
                f"nobody answers {self._setup.ready} at its `base_url`",
                mend="start it, or correct `base_url` or `ready` in the rig file",
            )
        try:
            told = self._dialect.prove(self._ask)
            self.slots, self.context_tokens_per_slot = told.slots, told.context
            check_proof(told._replace(model=None), self._setup, "", *self._wanted)
            if (keeper := self._dialect.keeper) is not None:
                weights = keeper.weights(self._ask, self._name)
                if weights not in (None, self._model.sha256):
                    raise Unlike(f"its {self._name} is another file: sha256 {weights}")
                self._before = keeper.loaded(self._ask)
        except (Unlike, httpx.HTTPError) as error:
            raise self._refused(error) from None
        return self

    def _refused(self, problem: Exception) -> EngineError:
        return self._error(
            self._scrub(f"what it says of itself is not as asked, or cannot be read: {problem}"),
            mend="correct `version` or `models` in the rig file",
            kind="refused",
        )

    def _ask(self, method: str, path: str, body: Any) -> dict[str, Any]:
        with local_client(self._url, timeout_s=LOADING_S) as client:
            return ask(client, method, path, body, limit_s=LOADING_S)

    def stop(self) -> None:
        """What it had loaded is loaded again, what it has on our account is not."""
        keeper, before = self._dialect.keeper, self._before
        if keeper is None or before is None:
            return
        self._before = None
        with suppress(Unlike, httpx.HTTPError):  # it ended meanwhile: there is nothing to put back
            now = keeper.loaded(self._ask)
            for name in now.keys() - before.keys():
                keeper.unload(self._ask, name)
            for name in before:
                if name not in now or now[name] != before[name]:
                    keeper.load(self._ask, name, before[name])

    def alive(self) -> bool:
        try:
            with local_client(self._url, timeout_s=5) as client:
                return client.get(self._setup.ready).status_code == 200
        except httpx.HTTPError:
            return False

    def log_lines(self) -> list[str]:
        return []

    def _scrub(self, text: str) -> str:
        return scrub(text)
