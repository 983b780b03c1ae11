"""One POST over a connection of its own, its reply stamped as it arrives.

The least between socket and stamp: no session, pool or reader, and what HTTP wraps around the
body is taken off when all of it has come. Half the CPU time of aiohttp a chunk, and a burst of
64 first tokens is seen within milliseconds instead of tens (benchmarks/client_cost.py).
"""

import asyncio
import re
import time
from dataclasses import dataclass
from urllib.parse import urlsplit

_SIZE = re.compile(rb"[0-9a-fA-F]{1,15}")
_LAST_CHUNK = b"0\r\n\r\n"
"""Of a chunked body; a chunk itself ends with an event's empty line, never so."""

_PINGS = re.compile(
    rb"(?:HTTP/1.*?\r\n\r\n)?"
    rb"(?:[0-9a-fA-F]{1,8}\r\n|(?:event|id|retry)?:[^\n]*\n|data: ?\r?\n|\s)*",
    re.DOTALL,
)
"""Headers and what keeps a connection open without an event's content, chunked or not: comments
(`: ping`), fields beside it, none in it. llama-server's HTTP thread sends such by itself while the
thread that computes hangs: a reply lives by all else that comes."""

clock = time.perf_counter


@dataclass(frozen=True)
class Patience:
    """How long a reply may take and how much it may say.

    silence_s         without a byte, and, once there was an event, without another
    first_event_s     until the first event: the prompt is processed meanwhile
    whole_s           from sending to the end
    most_bytes        of all that comes over the connection
    """

    silence_s: float
    first_event_s: float
    whole_s: float
    most_bytes: int


class ReplyBroke(Exception):
    """No whole reply came. `silent`: the connection stands, but nothing came over it."""

    def __init__(self, message: str, *, silent: bool = False) -> None:
        self.silent = silent
        super().__init__(message)


@dataclass(frozen=True)
class Reply:
    """Times are seconds of time.perf_counter().

    sent_at   when the request was handed to the system, the connection standing
    pieces    the body, each piece with the arrival of its last byte
    """

    status: int
    sent_at: float
    pieces: list[tuple[float, bytes]]
    ended_at: float


async def post(url: str, body: bytes, patience: Patience) -> Reply:
    """The whole reply to `body`, which is JSON, whatever its status.

    ReplyBroke if the connection is refused or breaks off, if `patience` is over, or if what comes
    is not HTTP.
    """
    parts = urlsplit(url)
    host, port = parts.hostname or "", parts.port or 80
    loop = asyncio.get_running_loop()
    try:
        transport, listener = await loop.create_connection(lambda: _Listener(patience), host, port)
    except OSError as error:
        raise ReplyBroke(f"no connection: {error}") from None
    head = (
        f"POST {parts.path} HTTP/1.1\r\nHost: {parts.netloc}\r\nConnection: close\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    try:
        sent_at = clock()
        transport.write(head.encode() + body)
        ended_at = await listener.end(sent_at)
    finally:
        transport.abort()
    return _read(listener.received, sent_at, ended_at, broke=listener.broke)


class _Listener(asyncio.Protocol):
    def __init__(self, patience: Patience) -> None:
        self.received: list[tuple[float, bytes]] = []
        self._patience, self._bytes = patience, 0
        self._only = "no data"
        self.broke = False
        """The connection was not closed in order."""
        self._said_at: float | None = None
        """When the last event came."""
        self._ended: asyncio.Future[float] = asyncio.get_running_loop().create_future()

    def data_received(self, data: bytes) -> None:
        now = clock()
        self.received.append((now, data))
        self._bytes += len(data)
        if not _PINGS.fullmatch(data):
            self._said_at = now
        elif not data.startswith(b"HTTP/"):
            self._only = "nothing but pings"
        if self._bytes > self._patience.most_bytes and not self._ended.done():
            more = f"it sent more than {self._patience.most_bytes:,} bytes"
            self._ended.set_exception(ReplyBroke(more))
        elif data.endswith(_LAST_CHUNK) and not self._ended.done() and self._is_chunked():
            self._ended.set_result(now)

    def connection_lost(self, error: Exception | None) -> None:
        self.broke = error is not None
        if not self._ended.done():  # the reply's length decides whether it was whole
            self._ended.set_result(clock())

    def _is_chunked(self) -> bool:
        """Else a comment may end so: `: keepalive 43/50`."""
        head = b"".join(data for _, data in self.received).partition(b"\r\n\r\n")[0]
        return _fields(head)[1].get("transfer-encoding", "").lower() == "chunked"

    async def end(self, since: float) -> float:
        """When the reply ended; ReplyBroke when that took longer than there is patience."""
        allowed = self._patience
        while True:
            last = self.received[-1][0] if self.received else since
            said_s = allowed.first_event_s if self._said_at is None else allowed.silence_s
            limits = [
                (last + allowed.silence_s, f"no data for {allowed.silence_s:g} s"),
                ((self._said_at or since) + said_s, f"{self._only} for {said_s:g} s"),
                (since + allowed.whole_s, f"no end within {allowed.whole_s:g} s"),
            ]
            ends_at, problem = min(limits, key=lambda limit: limit[0])
            left_s = ends_at - clock()
            if left_s <= 0:
                raise ReplyBroke(problem, silent=True)
            await asyncio.wait([self._ended], timeout=left_s)
            if self._ended.done():
                return self._ended.result()


def _fields(head: bytes) -> tuple[str, dict[str, str]]:
    """First line and fields of a reply, these by their names in small letters."""
    first, *fields = head.decode("latin-1").split("\r\n")
    parts = (field.partition(":") for field in fields)
    return first, {name.lower(): value.strip() for name, _, value in parts}


def _read(
    received: list[tuple[float, bytes]], sent_at: float, ended_at: float, *, broke: bool
) -> Reply:
    head, arrived, rest = b"", sent_at, iter(received)
    for arrived, data in rest:  # noqa: B007 # of the part that completes the head
        head += data
        if b"\r\n\r\n" in head:
            break
    else:
        raise ReplyBroke(f"the connection was closed after {len(head)} bytes, before any reply")
    lines, _, body = head.partition(b"\r\n\r\n")
    first, headers = _fields(lines)
    version, _, line = first.partition(" ")
    if not version.startswith("HTTP/1.") or not line[:3].isdecimal():
        raise ReplyBroke(f"not an HTTP reply: {first[:80]}")
    status = int(line[:3])
    pieces = [(arrived, body), *rest]
    if headers.get("transfer-encoding", "").lower() == "chunked":
        pieces = _unchunk(pieces)
    elif sum(len(data) for _, data in pieces) < _length(headers.get("content-length", "0")):
        raise ReplyBroke("the connection was closed within the reply")
    elif broke and "content-length" not in headers:  # HTTP/1.0: its end is that of the connection
        raise ReplyBroke("the connection broke off within the reply")
    return Reply(status, sent_at, [piece for piece in pieces if piece[1]], ended_at)


def _length(told: str) -> int:
    if not (told.isascii() and told.isdecimal() and len(told) < 20):
        raise ReplyBroke(f"no length of a reply: {told[:80]!r}")
    return int(told)


def _unchunk(pieces: list[tuple[float, bytes]]) -> list[tuple[float, bytes]]:
    """What the chunks hold (RFC 9112, section 7.1), each with the arrival of its last byte."""
    found: list[tuple[float, bytes]] = []
    buffer = b""
    for arrived, data in pieces:
        buffer += data
        whole, at = [], 0
        while (line_end := buffer.find(b"\r\n", at)) >= 0:
            told = buffer[at:line_end].partition(b";")[0].strip()
            if not _SIZE.fullmatch(told):
                raise ReplyBroke(f"not a chunk: {buffer[at:line_end][:80]!r}")
            size = int(told, 16)
            begin, end = line_end + 2, line_end + 2 + size
            if len(buffer) < end + 2:
                break
            whole.append(buffer[begin:end])
            at = end + 2
            if not size:
                return [*found, (arrived, b"".join(whole))]
        buffer = buffer[at:]
        found.append((arrived, b"".join(whole)))
    raise ReplyBroke("the connection was closed within the reply")
