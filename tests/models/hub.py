"""A real HTTP server on a free port that plays a model hub, with the faults of real ones."""

import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Hub(ThreadingHTTPServer):
    """Serves `files` (path -> content); the other fields say how it misbehaves."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.files: dict[str, bytes] = {}
        self.etag: str | None = '"first"'
        self.ranges = True
        self.sizes = True
        """Whether a Content-Length is sent; without, the reply is chunked."""
        self.told_size: str | None = None
        """Instead of the file's own, beside a piece of it."""
        self.answers: list[int] = []
        """Statuses of the next requests, before the file is served."""
        self.cuts: list[int] = []
        """After how many bytes the next replies break off."""
        self.stall_after: int | None = None
        """The reply stops there and the connection stays open."""
        self.token: str | None = None
        self.redirect: str | None = None
        """Base to which every request is sent on, as the hub does to its storage."""
        self.seen: list[tuple[str, dict[str, str]]] = []

    @property
    def base(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    @property
    def asked_ranges(self) -> list[str | None]:
        return [headers.get("range") for _, headers in self.seen]

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that was killed is part of the tests."""


class _Handler(BaseHTTPRequestHandler):
    server: Hub
    protocol_version = "HTTP/1.1"

    def log_message(self, *args: object) -> None:
        pass

    def _status(self, status: int, **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def do_GET(self) -> None:
        hub = self.server
        hub.seen.append((self.path, {k.lower(): v for k, v in self.headers.items()}))
        if hub.redirect:
            return self._status(302, Location=f"{hub.redirect}{self.path}")
        if hub.answers:
            return self._status(hub.answers.pop(0))
        if hub.token and self.headers.get("Authorization") != f"Bearer {hub.token}":
            return self._status(403)
        if self.path not in hub.files:
            return self._status(404)
        content = hub.files[self.path]
        begin = 0
        asked = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        same = self.headers.get("If-Range", hub.etag) == hub.etag
        if asked and hub.ranges and same:
            begin = int(asked[1])
            if begin >= len(content):
                return self._status(416, Content_Range=f"bytes */{len(content)}")
            self.send_response(206)
            size = hub.told_size or len(content)
            self.send_header("Content-Range", f"bytes {begin}-{len(content) - 1}/{size}")
        else:
            self.send_response(200)
        if hub.etag:
            self.send_header("ETag", hub.etag)
        if hub.sizes:
            self.send_header("Content-Length", str(len(content) - begin))
        else:
            self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        self._send(content[begin:])

    def _send(self, body: bytes) -> None:
        hub = self.server
        cut = hub.cuts.pop(0) if hub.cuts else len(body)
        if hub.stall_after is not None:
            self.wfile.write(body[: hub.stall_after])
            self.wfile.flush()
            while hub.stall_after is not None:
                time.sleep(0.02)
            self.close_connection = True
            return
        if hub.sizes:
            self.wfile.write(body[:cut])
        else:
            self.wfile.write(b"%x\r\n%s\r\n" % (len(body[:cut]), body[:cut]))
            if cut >= len(body):
                self.wfile.write(b"0\r\n\r\n")
        self.close_connection = cut < len(body)


@contextmanager
def running_hub() -> Iterator[Hub]:
    hub = Hub()
    thread = threading.Thread(target=hub.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield hub
    finally:
        hub.stall_after = None
        hub.shutdown()
        thread.join()
        hub.server_close()
