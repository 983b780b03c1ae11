"""A server's counters before and after a wave: its own account of requests of which it tells
nothing one by one."""

import time

import httpx

from bench_pipeline.engines.dialects.protocol import Counters, Dialect, Unlike
from bench_pipeline.engines.llama_cpp.asking import ask_text, local_client
from bench_pipeline.harness.client.streaming import StreamFailed

LATE_S = 2.0
"""How long after its last reply a server may still be adding up."""
_LOOK_S = 0.05


class Counting:
    """Of a server whose family has counters; of any other it knows nothing, and asks nothing."""

    def __init__(self, base_url: str, dialect: Dialect) -> None:
        self._base_url, self._dialect = base_url, dialect

    def look(self) -> Counters | None:
        """StreamFailed if what should be there is not."""
        if (path := self._dialect.counters_at) is None:
            return None
        try:
            with local_client(self._base_url) as client:
                return self._dialect.counters(ask_text(client, path))
        except (httpx.HTTPError, Unlike) as error:
            raise StreamFailed("crash", f"`{path}` tells nothing: {error}") from None

    def since(self, before: Counters | None, requests: int) -> Counters | None:
        """What was added by so many, all of whose replies have ended; if it does not come to so
        many in time, as far as it came."""
        if before is None:
            return None
        deadline = time.monotonic() + LATE_S
        while (now := self.look()) is not None:
            told = now.since(before)
            if told.requests >= requests or time.monotonic() > deadline:
                return told
            time.sleep(_LOOK_S)
        return None
