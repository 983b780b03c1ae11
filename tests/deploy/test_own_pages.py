"""While `make ui` runs, no page of another origin can do anything there."""

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest

from bench_pipeline.deploy.own_pages import OnlyOwnPages

JSON = {"content-type": "application/json"}
OURS = {"origin": "http://localhost:3000", "sec-fetch-site": "same-origin"}
EVIL = {"origin": "http://evil.example"}
MUTATION = "query=mutation%7BlaunchRun%7D"


def answer(*asked: Any, **more: Any) -> int:
    """The status, 200 where the application behind it was reached; of a closed socket its code."""
    (first, *_) = answered(*asked, **more)
    return int(first.get("status") or first["code"])


def answered(
    method: str = "GET",
    path: str = "/graphql",
    headers: Mapping[str, str] | None = None,
    *,
    host: str | None = "localhost:3000",
    query: str = "",
    kind: str = "http",
    hosts: tuple[str, ...] = (),
) -> list[dict[str, Any]]:
    sent: list[dict[str, Any]] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200})

    async def send(message: Any) -> None:
        sent.append(message)

    async def receive() -> dict[str, str]:
        return {"type": "websocket.connect"}

    pairs = [*({"host": host} if host is not None else {}).items(), *(headers or {}).items()]
    scope = {
        "type": kind,
        "method": method,
        "path": path,
        "query_string": query.encode(),
        "headers": [(name.encode(), value.encode()) for name, value in pairs],
    }
    asyncio.run(OnlyOwnPages(app, hosts)(scope, receive, send))
    return sent


def test_its_own_pages_and_programs_on_this_machine_are_answered() -> None:
    assert answer("POST", headers=JSON | OURS, query="op=RunsRoot") == 200
    assert answer("POST", headers={"content-type": "application/json; charset=utf-8"}) == 200
    assert answer("POST", headers=JSON, host="127.0.0.1:3917") == 200
    assert answer(path="/runs/abc", headers={"sec-fetch-site": "none"}, host="[::1]:3000") == 200
    assert answer(path="/graphql", headers={"accept": "text/html"}) == 200
    assert answer(kind="websocket", headers={"origin": "http://localhost:3000"}) == 200


def test_a_link_from_elsewhere_opens_a_page_and_does_nothing_else() -> None:
    clicked = {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate"}
    assert answer(path="/runs", headers=clicked) == 200
    assert answer(headers=clicked, query=MUTATION) == 403
    assert answer("POST", path="/runs", headers=clicked) == 403


@pytest.mark.parametrize(
    "headers",
    [
        EVIL,
        {"sec-fetch-site": "cross-site", "sec-fetch-mode": "no-cors"},
        {"sec-fetch-site": "same-site", "sec-fetch-mode": "no-cors"},
        {"origin": "null"},
        {"origin": "http://localhost:8000"},
        {"origin": "http://localhost:3000.evil.example"},
        {},  # an old browser's image
    ],
)
def test_a_mutation_by_get_is_refused_whoever_asks(headers: dict[str, str]) -> None:
    assert answer(headers=headers, query=MUTATION) == 403
    assert answer("HEAD", headers=headers, query=f"x=1&{MUTATION}") == 403
    assert answer(path="/bench/graphql/", headers=headers, query=MUTATION) == 403


@pytest.mark.parametrize(
    "kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"]
)
def test_what_a_form_can_send_is_refused(kind: str) -> None:
    assert answer("POST", headers={"content-type": kind}) == 403
    # Dagster looks for the word anywhere in it
    assert answer("POST", headers={"content-type": f"{kind}; x=application/json"}) == 403
    assert answer("POST") == 403


def test_another_origin_is_refused_also_in_json_over_a_socket_and_for_reports() -> None:
    assert answer("POST", headers=JSON | EVIL) == 403
    assert answer("POST", headers=JSON | {"origin": "http://["}) == 403
    assert answer(kind="websocket", headers=EVIL) == 1008
    assert answer("POST", path="/report_asset_materialization/x", headers=EVIL) == 403


def test_no_page_of_another_origin_can_show_ours_within_it() -> None:
    framed = {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate"}
    for headers in ({}, framed):
        (begun,) = answered(path="/runs", headers=headers)
        assert begun["headers"] == [(b"x-frame-options", b"SAMEORIGIN")]


@pytest.mark.parametrize("host", ["evil.example:3000", "localhost.evil.example", "", None, "[::1"])
def test_a_name_that_somebody_points_here_is_not_ours(host: str | None) -> None:
    assert answer("POST", headers=JSON, host=host) == 403
    assert answer(kind="websocket", host=host) == 1008


def test_a_proxy_shows_it_under_its_own_name() -> None:
    proxied = {"origin": "https://bench.example.org"}
    behind: dict[str, Any] = {"host": "bench.example.org", "hosts": ("bench.example.org",)}
    assert answer("POST", headers=JSON | proxied, **behind) == 200
    assert answer("POST", headers=JSON | EVIL, **behind) == 403


def test_it_stands_before_all_that_dagster_serves(monkeypatch: pytest.MonkeyPatch) -> None:
    # Here, as every worker imports every file of tests, and these take a second.
    from dagster_webserver.webserver import DagsterWebserver
    from starlette.middleware import Middleware

    from bench_pipeline.deploy import webserver

    monkeypatch.setattr(DagsterWebserver, "build_middleware", DagsterWebserver.build_middleware)
    webserver.guard()
    first, *rest = DagsterWebserver.build_middleware(None)  # type: ignore[arg-type]
    assert isinstance(first, Middleware) and first.cls is OnlyOwnPages
    assert rest
