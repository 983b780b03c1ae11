"""Which requests Dagster's webserver answers: those of its own pages, and of programs here.

Dagster has no login and runs what is sent to its port, mutations by GET included. Without this,
any page that is open in the same browser could launch a run. ASGI, without a library.
"""

import os
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any
from urllib.parse import parse_qs, urlsplit

HOSTS_VARIABLE = "BENCH_PIPELINE_UI_HOSTS"
"""Names under which a proxy, with a login before it, shows the UI; separated by spaces."""

_HERE = ("localhost", "127.0.0.1", "::1")

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]


class OnlyOwnPages:
    """Middleware around `app`; everything else gets 403 and a line that says why."""

    def __init__(self, app: App, hosts: tuple[str, ...] | None = None) -> None:
        self._app = app
        named = os.environ.get(HOSTS_VARIABLE, "").split() if hosts is None else hosts
        self._hosts = {name.lower() for name in (*_HERE, *named)}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] in ("http", "websocket") and (why := self.refusal(scope)):
            await _refuse(scope, receive, send, why)
            return
        await self._app(scope, receive, _unframed(send))

    def refusal(self, scope: Scope) -> str | None:
        """None: it may pass."""
        headers: dict[str, list[str]] = {}
        for name, value in scope["headers"]:
            headers.setdefault(name.decode("latin-1").lower(), []).append(value.decode("latin-1"))
        hosts = headers.get("host", [])
        host = hosts[0].lower() if len(hosts) == 1 else ""
        if _name(f"//{host}") not in self._hosts:
            # else a stranger's name that is pointed here would make his page ours
            return f"this is no `{host[:100]}`; a proxy's name goes into {HOSTS_VARIABLE}"
        if any(_place(origin) != host for origin in headers.get("origin", [])):
            return "a page of another origin asks"
        if scope["type"] == "websocket":
            return None
        opened = headers.get("sec-fetch-mode") == ["navigate"] and scope["method"] == "GET"
        elsewhere = set(headers.get("sec-fetch-site", [])) - {"same-origin", "none"}
        if elsewhere and not opened:
            return "a page of another origin asks"
        if scope["path"].rstrip("/").endswith("/graphql"):
            return _refusal_of_graphql(scope, headers)
        return None


def _refusal_of_graphql(scope: Scope, headers: dict[str, list[str]]) -> str | None:
    """A link, an image or a form can send neither JSON nor a body of its own type."""
    if scope["method"] != "POST" and "query" in parse_qs(scope["query_string"].decode("latin-1")):
        return "GraphQL is asked by POST"
    types = [value.partition(";")[0].strip().lower() for value in headers.get("content-type", [])]
    if scope["method"] == "POST" and types != ["application/json"]:
        return "GraphQL is asked in JSON"
    return None


def _name(address: str) -> str | None:
    try:
        return urlsplit(address).hostname
    except ValueError:
        return None


def _place(origin: str) -> str:
    try:
        return urlsplit(origin).netloc.lower()
    except ValueError:
        return ""


def _unframed(send: Send) -> Send:
    """Shown in a page of another origin, ours could be clicked by who sees only that one."""

    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = [*message.get("headers", ()), (b"x-frame-options", b"SAMEORIGIN")]
            message = {**message, "headers": headers}
        await send(message)

    return sending


async def _refuse(scope: Scope, receive: Receive, send: Send, why: str) -> None:
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.close", "code": 1008})
        return
    body = f"refused: {why}\n".encode()
    headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"x-frame-options", b"DENY")]
    headers.append((b"content-length", str(len(body)).encode()))
    await send({"type": "http.response.start", "status": 403, "headers": headers})
    await send({"type": "http.response.body", "body": body})
