"""A stand-in for llama-server that streams tokens at exactly known times.

It speaks the part of the streaming chat protocol that benchmark clients use, in a process of
its own; every token is due at an absolute time, so that delays do not add up, and the times at
which the tokens were really sent are the truth that a client's figures are held against. All
times are seconds of time.perf_counter(), which on Linux is one clock for all processes.

One blocking loop on select(), because its wait is exact to microseconds where the event loops
round to milliseconds.
"""

import gc
import heapq
import http.client
import itertools
import json
import select
import socket
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Self

clock = time.perf_counter

MODEL = "token-source"
EVENT = (
    '{"choices":[{"finish_reason":%s,"index":0,"delta":%s}],"created":1700000000,'
    '"id":"chatcmpl-%s","model":"' + MODEL + '","system_fingerprint":"b0-0000000",'
    '"object":"chat.completion.chunk"%s}'
)
TIMINGS = (
    ',"timings":{"cache_n":0,"prompt_n":%d,"prompt_ms":%.3f,"prompt_per_token_ms":%.14f,'
    '"prompt_per_second":%.12f,"predicted_n":%d,"predicted_ms":%.3f,'
    '"predicted_per_token_ms":%.14f,"predicted_per_second":%.13f}'
)
HEAD = (
    b"HTTP/1.1 200 OK\r\nServer: token-source\r\nContent-Type: text/event-stream\r\n"
    b"Transfer-Encoding: chunked\r\n%s\r\n"
)


@dataclass(frozen=True)
class Sent:
    """One stream as it was really sent.

    label        the first message's text, to find a client's request again
    received_at  when the whole request had come
    sent_at      of each token
    """

    label: str
    received_at: float
    sent_at: list[float]


@dataclass
class _Pace:
    interval_s: float = 0.005
    first_token_s: float = 0.1
    together: bool = True


@dataclass
class _Stream:
    connection: "_Connection"
    label: str
    tokens: int
    prompt_tokens: int
    with_timings: bool
    close: bool
    pace: _Pace
    received_at: float
    first_due: float
    sent_at: list[float] = field(default_factory=list)

    def due(self) -> float:
        return self.first_due + len(self.sent_at) * self.pace.interval_s

    def timings(self, number: int, now: float) -> str:
        first = self.sent_at[0] if self.sent_at else now
        prompt_ms, decode_ms = (first - self.received_at) * 1000, (now - first) * 1000 or 0.001
        a_token = decode_ms / max(1, number - 1)
        per_prompt_token = prompt_ms / self.prompt_tokens
        rates = 1000 / per_prompt_token, 1000 / a_token
        return TIMINGS % (
            *(self.prompt_tokens, prompt_ms, per_prompt_token, rates[0]),
            *(number, decode_ms, a_token, rates[1]),
        )

    def token(self, now: float) -> bytes:
        number = len(self.sent_at) + 1
        timings = self.timings(number, now) if self.with_timings else ""
        return _chunk(EVENT % ("null", '{"content":" word"}', self.label[:32], timings))

    def ending(self, now: float) -> bytes:
        count, prompt = self.tokens, self.prompt_tokens
        usage = (
            f',"usage":{{"completion_tokens":{count},"prompt_tokens":{prompt},'
            f'"total_tokens":{count + prompt},"prompt_tokens_details":{{"cached_tokens":0}}}}'
        )
        last = EVENT.replace('[{"finish_reason":%s,"index":0,"delta":%s}]', "[]")
        return (
            _chunk(EVENT % ('"length"', "{}", self.label[:32], ""))
            + _chunk(last % (self.label[:32], usage + self.timings(count, now)))
            + _chunk("[DONE]")
            + b"0\r\n\r\n"
        )


def _chunk(text: str) -> bytes:
    event = f"data: {text}\n\n".encode()
    return b"%x\r\n%s\r\n" % (len(event), event)


class _Connection:
    def __init__(self, client: socket.socket) -> None:
        client.setblocking(False)
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket, self.inbox = client, b""

    def fileno(self) -> int:
        return self.socket.fileno()

    def request(self) -> tuple[str, str, bool, bytes] | None:
        """Method, path, whether to close after it, and body, once all of it has come."""
        head, found, rest = self.inbox.partition(b"\r\n\r\n")
        if not found:
            return None
        first, *lines = head.decode("latin-1").split("\r\n")
        headers = {k.lower(): v.strip() for k, _, v in (line.partition(":") for line in lines)}
        length = int(headers.get("content-length", "0"))
        if len(rest) < length:
            return None
        self.inbox = rest[length:]
        method, path, _ = first.split(" ", 2)
        return method, path, headers.get("connection", "").lower() == "close", rest[:length]


class _Source:
    def __init__(self) -> None:
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=1024)
        self.idle: list[_Connection] = []
        self.pace = _Pace()
        self.due: list[tuple[float, int, _Stream]] = []
        self.order = itertools.count()
        self.streams: list[_Stream] = []

    def serve(self) -> None:
        """Until standard input ends: the parent is gone or wants it so."""
        print(self.listener.getsockname()[1], flush=True)
        gc.disable()  # a collection would hold up every stream
        while True:
            wait_s = max(0.0, self.due[0][0] - clock()) if self.due else None
            ready, _, _ = select.select([sys.stdin, self.listener, *self.idle], [], [], wait_s)
            self.send_due()
            for readable in ready:
                if readable is sys.stdin:
                    return
                if readable is self.listener:
                    self.idle.append(_Connection(self.listener.accept()[0]))
                elif isinstance(readable, _Connection):
                    self.read(readable)

    def send_due(self) -> None:
        while self.due and self.due[0][0] <= clock():
            stream = heapq.heappop(self.due)[2]
            now = clock()
            event = stream.token(now)
            stream.sent_at.append(now)
            ended = len(stream.sent_at) == stream.tokens
            if not self.write(stream.connection, event + (stream.ending(now) if ended else b"")):
                continue
            if not ended:
                heapq.heappush(self.due, (stream.due(), next(self.order), stream))
            elif stream.close:
                stream.connection.socket.close()
            else:
                self.idle.append(stream.connection)

    def write(self, connection: _Connection, data: bytes) -> bool:
        """False: the client went away, or reads so slowly that the socket is full."""
        with suppress(OSError):
            if connection.socket.send(data) == len(data):
                return True
        connection.socket.close()
        return False

    def read(self, connection: _Connection) -> None:
        data = b""
        with suppress(OSError):
            data = connection.socket.recv(1 << 16)
        if not data:
            connection.socket.close()
            self.idle.remove(connection)
            return
        connection.inbox += data
        if (request := connection.request()) is None:
            return
        method, path, close, body = request
        document: dict[str, Any] = json.loads(body) if body else {}
        if (method, path) == ("POST", "/v1/chat/completions"):
            self.start(connection, document, close)
        else:
            connection.socket.setblocking(True)  # between jobs: nothing else is due
            connection.socket.sendall(self.answer(path, document))
            connection.socket.setblocking(False)

    def answer(self, path: str, document: dict[str, Any]) -> bytes:
        status, found = "200 OK", dict[str, Any]()
        if path == "/health":
            found = {"status": "ok"}
        elif path == "/v1/models":
            found = {"object": "list", "data": [{"id": MODEL, "object": "model"}]}
        elif path == "/pace":
            self.pace = _Pace(**document)
        elif path == "/sent":
            found = {"streams": [[s.label, s.received_at, s.sent_at] for s in self.streams]}
            self.streams = []
        else:
            status = "404 Not Found"
        body = json.dumps(found).encode()
        head = f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\n"
        return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body

    def start(self, connection: _Connection, document: dict[str, Any], close: bool) -> None:
        pace, now = self.pace, clock()
        first_due = now + pace.first_token_s
        if pace.together:  # as llama-server does: one token of every stream, then the next
            first_due = (first_due // pace.interval_s + 1) * pace.interval_s
        text = str(document["messages"][0]["content"])
        stream = _Stream(
            connection,
            label=text[:64],
            tokens=document.get("max_tokens") or document["max_completion_tokens"],
            prompt_tokens=sum(len(str(m["content"]).split()) for m in document["messages"]),
            with_timings=document.get("timings_per_token", False),
            close=close,
            pace=pace,
            received_at=now,
            first_due=first_due,
        )
        self.idle.remove(connection)
        head = HEAD % (b"Connection: close\r\n" if close else b"")
        if self.write(connection, head):
            self.streams.append(stream)
            heapq.heappush(self.due, (first_due, next(self.order), stream))


class TokenSource:
    """The source in a process of its own; a context manager.

    base_url   `http://127.0.0.1:<port>`, without `/v1`
    """

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            [sys.executable, __file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        assert self._process.stdout is not None
        self._port = int(self._process.stdout.readline())
        self.base_url = f"http://127.0.0.1:{self._port}"
        return self

    def __exit__(self, *exc: object) -> None:
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(10)
        self._process.stdout.close()

    def set_pace(
        self, interval_ms: float, *, first_token_ms: float = 100, together: bool = True
    ) -> None:
        """From the next request on: a token of each stream every `interval_ms`, the first
        `first_token_ms` after the request. `together`: all streams' tokens at the same
        moments, as a server that decodes them in one batch; else each keeps its own time."""
        pace = _Pace(interval_ms / 1000, first_token_ms / 1000, together)
        self._ask("POST", "/pace", vars(pace))

    def sent(self) -> list[Sent]:
        """Every stream since the last time this was asked."""
        return [Sent(*stream) for stream in self._ask("GET", "/sent")["streams"]]

    def _ask(self, method: str, path: str, document: dict[str, Any] | None = None) -> Any:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=60)
        connection.request(method, path, json.dumps(document) if document else None)
        found = json.loads(connection.getresponse().read())
        connection.close()
        return found


if __name__ == "__main__":
    _Source().serve()
