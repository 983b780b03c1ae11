"""The least that a client can do: send requests, count the bytes that come, keep the last.

    python benchmarks/lean_client.py http://127.0.0.1:PORT --streams 4 --tokens 128

A bare asyncio protocol on uvloop, which parses nothing while it streams and asks for no timings
on each event. `fidelity.py` compares the engine's speed under it with that under our client.
Prints JSON: what the server says of each request at its end.
"""

import argparse
import asyncio
import functools
import json
from urllib.parse import urlsplit

import uvloop

KEPT_BYTES = 4096
"""The final event with its timings is about 800 bytes long."""


class Counting(asyncio.Protocol):
    def __init__(self, request: bytes) -> None:
        self._request = request
        self.bytes, self.tail = 0, b""
        self.closed: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        transport.write(self._request)  # type: ignore[attr-defined]

    def data_received(self, data: bytes) -> None:
        self.bytes += len(data)
        self.tail = (self.tail + data)[-KEPT_BYTES:]

    def connection_lost(self, error: Exception | None) -> None:
        self.closed.set_result(None)

    def timings(self) -> dict[str, float]:
        events = [part for part in self.tail.split(b"data: ") if b'"timings":' in part]
        return json.loads(events[-1].split(b"\n\n")[0])["timings"]


def request(url: str, wave: int, stream: int, tokens: int, user: str) -> bytes:
    body = {
        "messages": [
            {"role": "system", "content": f"{wave * 1000 + stream:08}"},
            {"role": "user", "content": user},
        ],
        "max_tokens": tokens,
        "ignore_eos": True,
        "cache_prompt": False,
        "temperature": 0,
        "seed": 1,
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    content = json.dumps(body).encode()
    head = f"POST /v1/chat/completions HTTP/1.1\r\nHost: {url}\r\nConnection: close\r\n"
    head += f"Content-Type: application/json\r\nContent-Length: {len(content)}\r\n\r\n"
    return head.encode() + content


async def run_wave(url: str, requests: list[bytes]) -> list[dict[str, float]]:
    port, loop = urlsplit(url).port or 80, asyncio.get_running_loop()
    clients = []
    for content in requests:
        make = functools.partial(Counting, content)
        _, client = await loop.create_connection(make, "127.0.0.1", port)
        clients.append(client)
    await asyncio.gather(*(client.closed for client in clients))
    return [client.timings() for client in clients]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("url")
    parser.add_argument("--streams", type=int, required=True)
    parser.add_argument("--tokens", type=int, required=True)
    parser.add_argument("--waves", type=int, default=1)
    parser.add_argument("--user", default="Tell me a long story.")
    options = parser.parse_args()
    found = []
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        for wave in range(options.waves):
            requests = [
                request(options.url, wave, n, options.tokens, options.user)
                for n in range(options.streams)
            ]
            found += runner.run(run_wave(options.url, requests))
    print(json.dumps(found))


if __name__ == "__main__":
    main()
