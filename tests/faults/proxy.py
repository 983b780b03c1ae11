"""Between our client and the real server: everything passes, but for one thing done wrong."""

import asyncio
import json
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import psutil
import pytest
from aiohttp import web

from bench_pipeline.engines.llama_cpp.server import LlamaServer
from bench_pipeline.harness.client import http_stream
from tests.stand_ins import answering

Document = dict[str, Any]


class CutConnection(Exception):
    """The client's connection is to break here."""


@dataclass
class Passage:
    """One completion on its way."""

    number: int
    """From 0 among those of its workload; the warm-up comes first."""
    server: psutil.Process
    client: "Listening"
    events: int = 0
    """That passed so far."""

    async def heard(self) -> None:
        """Returns when the client has read each of them."""
        while self.client.events() < self.events:
            await asyncio.sleep(0.004)


class Listening(http_stream._Listener):
    """The client's side of the newest connection."""

    newest: "Listening"

    def __init__(self, patience: http_stream.Patience) -> None:
        super().__init__(patience)
        Listening.newest = self

    def events(self) -> int:
        """That it has read to their ends, each in a chunk of its own."""
        return b"".join(data for _, data in self.received).count(b"\n\n\r\n")


class Fault:
    """Nothing wrong yet. `on_event` gets every event of every reply; None: it is lost."""

    def on_request(self, body: Document) -> None:
        pass

    async def on_event(self, passage: Passage, event: Document) -> Document | None:
        return event


@dataclass
class Proxy:
    """Stands where `LlamaServer.base_url` points."""

    faults: dict[str, Fault] = field(default_factory=dict)
    """By the first word of the user's message."""
    base_url: str = ""
    upstream: str = ""
    server: LlamaServer | None = None
    completions: Counter[str] = field(default_factory=Counter)

    def in_front_of(self, server: LlamaServer, upstream: str) -> str:
        self.server, self.upstream = server, upstream
        return self.base_url

    async def answer(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        word = None
        if request.path == "/v1/chat/completions":
            document = json.loads(body)
            word = document["messages"][-1]["content"].split()[0]
            self.faults[word].on_request(document)
            body = json.dumps(document).encode()
        headers = {"Content-Type": "application/json"}
        timeout = aiohttp.ClientTimeout(total=None)
        try:
            async with (
                aiohttp.ClientSession(timeout=timeout) as session,
                session.request(
                    request.method, self.upstream + request.path, data=body, headers=headers
                ) as reply,
            ):
                if word and reply.status == 200:
                    return await self._stream(request, reply, word)
                return web.Response(status=reply.status, body=await reply.read())
        except (aiohttp.ClientError, CutConnection):
            if request.transport is not None:
                request.transport.abort()  # the client sees what the proxy saw
            return web.Response(status=502)

    async def _stream(
        self, request: web.Request, reply: aiohttp.ClientResponse, word: str
    ) -> web.StreamResponse:
        assert self.server is not None
        process = psutil.Process(self.server.pid)
        passage = Passage(self.completions[word], process, Listening.newest)
        self.completions[word] += 1
        response = web.StreamResponse()
        await response.prepare(request)
        buffer = b""
        async for chunk in reply.content.iter_any():
            buffer += chunk
            *events, buffer = buffer.split(b"\n\n")
            for event in events:
                if event.startswith(b"data: {"):
                    changed = await self.faults[word].on_event(passage, json.loads(event[6:]))
                    passage.events += 1
                    if changed is None:
                        continue
                    event = b"data: " + json.dumps(changed).encode()
                await response.write(event + b"\n\n")
        return response


@contextmanager
def proxying() -> Iterator[Proxy]:
    """A proxy in a thread of its own, which sees what the client has read."""
    proxy = Proxy()
    with (
        pytest.MonkeyPatch.context() as patch,
        answering("*", "/{path:.*}", proxy.answer) as proxy.base_url,
    ):
        patch.setattr(http_stream, "_Listener", Listening)
        yield proxy
