"""Server-sent events, cut out of the bytes of a reply.

https://html.spec.whatwg.org/multipage/server-sent-events.html: any of three line ends, comments,
several lines of data. What the last empty line does not end is no event.
"""

from collections.abc import Iterable, Iterator


def data_of(chunks: Iterable[tuple[float, bytes]]) -> Iterator[tuple[float, bytes]]:
    """The data of each event that has some, with the arrival of its last byte."""
    buffer, held = b"", b""
    for arrived, chunk in chunks:
        if held or b"\r" in chunk:  # JSON has none: it is of a line's end
            chunk, held = _with_newlines(held + chunk)
        buffer += chunk
        *events, buffer = buffer.split(b"\n\n")  # one chunk can hold several events, or half
        for event in events:
            if b"\n" not in event and event.startswith(b"data: "):
                yield arrived, event[6:]
            elif data := _lines_of_data(event):
                yield arrived, data


def _with_newlines(chunk: bytes) -> tuple[bytes, bytes]:
    """And what may be half of a line's end."""
    held = b"\r" if chunk.endswith(b"\r") else b""
    whole = chunk[: len(chunk) - len(held)]
    return whole.replace(b"\r\n", b"\n").replace(b"\r", b"\n"), held


def _lines_of_data(event: bytes) -> bytes:
    lines = [line[5:].removeprefix(b" ") for line in event.split(b"\n") if line[:5] == b"data:"]
    return b"\n".join(lines)
