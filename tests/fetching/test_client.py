"""Requests by the one client, under environments that people really have."""

import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import pytest

from bench_pipeline.engines.builds.releases import NoAnswer
from bench_pipeline.engines.builds.upstream import ask_release
from bench_pipeline.errors import ModelError, NetworkError
from bench_pipeline.fetching import http as downloads
from bench_pipeline.fetching.client import outside_client
from bench_pipeline.models.fetch import fetch_model
from tests.models.conftest import CONTENT, model_of

VARIABLES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "SSL_CERT_FILE", "SSL_CERT_DIR")


@pytest.fixture(autouse=True)
def plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    monkeypatch.setattr(downloads, "RETRY_WAITS_S", (0.0,))


@pytest.fixture
def proxy() -> Iterator[tuple[str, list[str]]]:
    """A server that answers whatever it is asked for, and what it was asked for."""
    seen: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            seen.append(self.path)
            self.send_response(200)
            self.send_header("Content-Length", "5")
            self.end_headers()
            self.wfile.write(b"there")

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", seen
    server.shutdown()
    thread.join()
    server.server_close()


def get(url: str) -> str:
    with outside_client(5) as client:
        return client.get(url).text


def test_a_proxy_of_the_environment_is_asked(proxy, monkeypatch) -> None:
    address, seen = proxy
    monkeypatch.setenv("HTTP_PROXY", address.removeprefix("http://"))
    assert get("http://nowhere.example/x") == "there"
    assert seen == ["http://nowhere.example/x"]


def test_what_no_proxy_names_is_asked_directly(proxy, monkeypatch) -> None:
    address, seen = proxy
    monkeypatch.setenv("ALL_PROXY", "socks5://127.0.0.1:9")
    monkeypatch.setenv("NO_PROXY", "localhost,[::1],127.0.0.1")
    assert get(f"{address}/direct") == "there"
    assert seen == ["/direct"]


def test_a_proxy_that_is_down_is_named_with_its_variable(monkeypatch) -> None:
    monkeypatch.setenv("ALL_PROXY", "http://me:secret@127.0.0.1:9")
    with pytest.raises(httpx.ConnectError, match=r"the proxy http://127\.0\.0\.1:9 of `ALL_PROXY`"):
        get("http://nowhere.example/")


@pytest.mark.parametrize(
    ("variable", "value", "said"),
    [
        ("ALL_PROXY", "socks5://me:secret@127.0.0.1:9", "SOCKS proxy"),
        ("all_proxy", "socks://127.0.0.1:9/", "SOCKS proxy"),
        ("ALL_PROXY", "socks4a://127.0.0.1:9", "kind of proxy"),
        ("HTTPS_PROXY", "ftp://127.0.0.1:9", "kind of proxy"),
        ("HTTPS_PROXY", "http://127.0.0.1:port", "no address of a proxy"),
        ("HTTPS_PROXY", "http://[::1", "no address of a proxy"),
        ("SSL_CERT_FILE", "/gone/ca.pem", "No such file"),
        ("SSL_CERT_DIR", "/gone", "No such file"),
    ],
)
def test_what_cannot_be_followed_is_one_sentence_for_release_and_model(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, variable: str, value: str, said: str
) -> None:
    monkeypatch.setitem(sys.modules, "socksio", None)  # as where it is not installed
    monkeypatch.setenv(variable, value)
    with pytest.raises(NoAnswer, match=said) as release:
        ask_release("https://127.0.0.1:9", "a/b", "b1")
    model = model_of(CONTENT, {"source": "url:https://127.0.0.1:9/tiny.gguf"})
    with pytest.raises(ModelError, match=said) as refused:
        fetch_model(model, tmp_path)
    for error in (release.value, refused.value):
        assert f"`{variable.upper()}` names" in error.problem
        assert "secret" not in str(error)
        assert "unset it" in error.mend or "socksio" in error.mend


def test_certificates_that_are_none_are_named(monkeypatch, tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("no certificates")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    with pytest.raises(NetworkError, match=r"`SSL_CERT_FILE` names .*ca\.pem"):
        get("https://127.0.0.1:9/")


def test_without_tls_no_certificates_are_read(proxy, monkeypatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", "/gone/ca.pem")
    assert get(f"{proxy[0]}/") == "there"
