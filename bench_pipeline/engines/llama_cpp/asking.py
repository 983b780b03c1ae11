"""One question to a server of ours, its answer no larger and no later than such an answer is."""

import time
from typing import Any

import httpx
from pydantic_core import from_json

MOST_BYTES = 16 * 2**20
"""A tokenized prompt of a hundred thousand tokens has one."""
LIMIT_S = 60.0


class WrongAnswer(httpx.HTTPError):
    """The server answered, but not what such a question has for an answer."""

    def __init__(self, path: str, problem: str) -> None:
        super().__init__(f"its answer to `{path}` {problem}")


def local_client(base_url: str = "", timeout_s: float = LIMIT_S) -> httpx.Client:
    """For a server on 127.0.0.1, which a proxy that is set for the outside must not be asked for.
    It speaks no TLS, whose certificates alone take a core 20 ms to read."""
    return httpx.Client(base_url=base_url, timeout=timeout_s, trust_env=False, verify=False)


def ask(
    client: httpx.Client, method: str, path: str, body: Any = None, limit_s: float = LIMIT_S
) -> dict[str, Any]:
    """The object that it answers. httpx.HTTPError otherwise, WrongAnswer if it is none."""
    content = _content(client, method, path, body, limit_s)
    try:
        found = from_json(content)
    except ValueError:
        raise WrongAnswer(path, f"is no JSON: {content[:40]!r}") from None
    if not isinstance(found, dict):
        raise WrongAnswer(path, "is no object")
    return found


def ask_text(client: httpx.Client, path: str, limit_s: float = LIMIT_S) -> str:
    """The text that it answers. httpx.HTTPError otherwise."""
    return _content(client, "GET", path, None, limit_s).decode(errors="replace")


def _content(client: httpx.Client, method: str, path: str, body: Any, limit_s: float) -> bytes:
    deadline, content = time.monotonic() + limit_s, bytearray()
    with client.stream(method, path, json=body, timeout=limit_s) as answer:
        answer.raise_for_status()
        for piece in answer.iter_bytes():
            content += piece
            if len(content) > MOST_BYTES:
                raise WrongAnswer(path, f"has more than {MOST_BYTES:,} bytes")
            if time.monotonic() > deadline:
                raise WrongAnswer(path, f"has no end within {limit_s:g} s")
    return bytes(content)
