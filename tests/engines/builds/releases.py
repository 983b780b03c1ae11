"""A local stand-in for GitHub's releases API: ETags, rate limits, archives, and bad days."""

import hashlib
import json
import re
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

REPOSITORY = "ggml-org/llama.cpp"
LATEST = f"/repos/{REPOSITORY}/releases/latest"
POINTER = "nightly-tag.txt"
ARCHIVES = ("llama-{build}-bin-ubuntu-x64.tar.gz", "llama-{build}-bin-ubuntu-vulkan-x64.tar.gz")


class Releases:
    """Serves what was published, the last as the newest.

    instead     status, headers and body to answer with instead of the newest release
    version     tag of the version that stands there as the newest, builds being prereleases;
                empty: nothing stands there
    names       the build that the version's file names, or whatever else is in it
    drop_s      seconds between two bytes of an answer's body
    asked       If-None-Match of each question for the newest release
    answered    the status of each answer to it
    others      path and status of each other answer
    dropped     bytes that went out one by one
    """

    def __init__(self) -> None:
        self.instead: tuple[int, Mapping[str, str], bytes] | None = None
        self.version: str | None = None
        self.names: str | None = None
        self.others: list[tuple[str, int]] = []
        self.drop_s, self.dropped = 0.0, 0
        self.asked: list[str | None] = []
        self.answered: list[int] = []
        self._releases: dict[str, dict[str, Any]] = {}
        self._files: dict[str, bytes] = {}
        self._port = 0
        self.up()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    def up(self) -> None:
        self._server = ThreadingHTTPServer(("127.0.0.1", self._port), self._handler())
        self._port = self._server.server_port
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        self._thread.start()

    def down(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def publish(self, build: str, names: tuple[str, ...] = ARCHIVES) -> None:
        """A tag with archives of these names, none of which can be downloaded."""
        assets = [{"name": name.format(build=build), "state": "uploaded"} for name in names]
        self._releases[build] = {"tag_name": build, "draft": False, "assets": assets}

    def withdraw(self, build: str) -> None:
        del self._releases[build]

    def publish_archive(self, build: str, archive: Path) -> None:
        """A tag with one archive, which can be downloaded."""
        self._files[archive.name] = content = archive.read_bytes()
        self.publish(build, (archive.name,))
        (asset,) = self._releases[build]["assets"]
        asset |= {
            "size": len(content),
            "digest": f"sha256:{hashlib.sha256(content).hexdigest()}",
            "browser_download_url": f"{self.url}/download/{archive.name}",
        }

    def _pointing(self) -> dict[str, Any]:
        """The release of a version, whose one file names a build."""
        pointer = {"name": POINTER, "browser_download_url": f"{self.url}/download/{POINTER}"}
        return {"tag_name": self.version, "assets": [pointer] if self.names is not None else []}

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        upstream = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                *_, name = self.path.split("/")
                if self.path == LATEST:
                    self._latest()
                elif name == POINTER and upstream.names is not None:
                    self._send(200, {}, upstream.names.encode())
                elif self.path.startswith("/download/"):
                    self._archive(upstream._files[name])
                elif self.path == LATEST.removesuffix("/latest"):
                    self._tagged("releases", list(reversed(upstream._releases.values())))
                elif (release := upstream._releases.get(name)) is not None:
                    self._tagged(name, release)
                else:
                    self._send(404, {}, b"{}")

            def _tagged(self, name: str, answer: Any) -> None:
                body = json.dumps(answer).encode()
                etag = f'W/"{hashlib.sha256(body).hexdigest()}"'
                same = self.headers["If-None-Match"] == etag
                upstream.others.append((name, 304 if same else 200))
                self._send(*(304, {"ETag": etag}, b"") if same else (200, {"ETag": etag}, body))

            def _latest(self) -> None:
                known = self.headers["If-None-Match"]
                upstream.asked.append(known)
                *_, newest = upstream._releases.values()
                if upstream.version is not None:
                    newest = upstream._pointing()
                body = json.dumps(newest).encode()
                etag = f'W/"{hashlib.sha256(body).hexdigest()}"'
                if upstream.instead is not None:
                    answer = upstream.instead
                elif upstream.version == "":
                    answer = (404, {}, b"{}")
                elif known == etag:
                    answer = (304, {"ETag": etag}, b"")
                else:
                    answer = (200, {"ETag": etag, "Content-Type": "application/json"}, body)
                upstream.answered.append(answer[0])
                self._send(*answer)

            def _archive(self, content: bytes) -> None:
                span = re.fullmatch(r"bytes=(\d+)-", self.headers["Range"] or "")
                start = int(span[1]) if span else 0
                self._send(206 if span else 200, {}, content[start:])

            def _send(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                try:
                    if not upstream.drop_s:
                        self.wfile.write(body)
                        return
                    for byte in body:
                        self.wfile.write(bytes([byte]))
                        upstream.dropped += 1
                        time.sleep(upstream.drop_s)
                except OSError:
                    pass  # whoever asked has gone

            def log_message(self, *_: object) -> None:
                pass

        return Handler


@contextmanager
def one_release() -> Iterator[Releases]:
    """Of b11500, whose archives lie ready."""
    releases = Releases()
    releases.publish("b11500")
    yield releases
    releases.down()
