"""One file over HTTP, taken up where an earlier try was cut."""

import re
import time
from collections.abc import Mapping
from typing import Protocol

import httpx

from bench_pipeline.progress import Reporter

TIMEOUT = httpx.Timeout(60, connect=15)
RETRY_WAITS_S = (1.0, 3.0, 10.0)
"""Pauses between tries in a row that brought nothing worth having."""
WORTH_BYTES = 2**20
"""A try that brought this much counts as progress: the pauses begin anew."""
PASSING = frozenset({408, 425, 429, 500, 502, 503, 504})
"""Statuses that may be gone at the next try."""
_PIECE = re.compile(r"bytes ([0-9]{1,18})-[0-9]{1,18}/([0-9]{1,18})")
"""No file has a size of more digits."""


class Target(Protocol):
    """What a download grows: it knows how far it is and of which version of the file."""

    @property
    def position(self) -> int:
        """Bytes that are here."""

    @property
    def total_bytes(self) -> int | None:
        """Size of the whole file, once its server has said it."""

    @property
    def validator(self) -> str | None:
        """By what the server tells whether its file is still the same."""

    def expect(self, validator: str | None, total_bytes: int | None) -> None:
        """What the server says of the file; may raise where that cannot be the wanted one."""

    def write(self, chunk: bytes) -> None: ...

    def restart(self) -> None:
        """Forgets what is here."""


class DownloadStopped(Exception):
    """Cut again and again; what came is kept."""


class DownloadRefused(Exception):
    """The server will not send the file; `status` is None where it cannot be asked at all."""

    def __init__(self, reason: str, status: int | None = None) -> None:
        self.reason, self.status = reason, status
        super().__init__(reason)


class _Cut(Exception):
    """The connection or the server failed in a way that may pass."""


def download(
    url: str,
    headers: Mapping[str, str],
    target: Target,
    client: httpx.Client,
    reporter: Reporter,
) -> None:
    """Writes the file from where `target` stands to its end.

    A cut is retried from where it stopped. DownloadStopped when it stays cut, DownloadRefused
    when the server will not send it; and whatever `target` raises.
    """
    fruitless = 0
    while not _is_whole(target):
        before = target.position
        try:
            _download_once(url, headers, target, client)
            return
        except _Cut as cut:
            fruitless = 0 if target.position - before >= WORTH_BYTES else fruitless + 1
            if fruitless > len(RETRY_WAITS_S):
                raise DownloadStopped(
                    f"the download stopped at {target.position:,} bytes: {cut}"
                ) from None
            wait_s = RETRY_WAITS_S[max(fruitless - 1, 0)]
            reporter.say(f"{cut}; trying again in {wait_s:g} s from {target.position:,} bytes")
            time.sleep(wait_s)
        except (httpx.InvalidURL, httpx.HTTPError) as error:
            raise DownloadRefused(f"cannot be downloaded: {error}") from None


def _is_whole(target: Target) -> bool:
    """All bytes came in an earlier try that was killed before it could say so."""
    return target.total_bytes is not None and target.position == target.total_bytes


def _download_once(
    url: str, headers: Mapping[str, str], target: Target, client: httpx.Client
) -> None:
    # A compressed body would be counted, ranged and hashed as something else.
    headers = {**headers, "Accept-Encoding": "identity"}
    if target.position:
        headers["Range"] = f"bytes={target.position}-"
        if target.validator:
            headers["If-Range"] = target.validator
    try:
        with client.stream("GET", url, headers=headers, follow_redirects=True) as response:
            _take(response, target)
            for chunk in response.iter_raw():  # as it comes: a chunk size would hold back a tail
                target.write(chunk)
    except httpx.UnsupportedProtocol:
        raise
    except httpx.TransportError as error:
        raise _Cut(str(error) or type(error).__name__) from None
    if target.total_bytes is not None and not _is_whole(target):
        raise _Cut("the server ended the file early")


def _take(response: httpx.Response, target: Target) -> None:
    """Brings `target` to the point at which the body of `response` begins."""
    status = f"{response.status_code} {response.reason_phrase}"
    if response.status_code == 416:
        # We have more than the server: its file became shorter, so ours is of another one.
        target.restart()
        raise _Cut("the file on the server changed")
    if response.status_code in PASSING:
        raise _Cut(f"the server answers {status}")
    if response.status_code not in (200, 206):
        raise DownloadRefused(f"the server answers {status}", response.status_code)
    if response.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise DownloadRefused("the server compresses the file although asked not to")
    length = response.headers.get("Content-Length", "")
    total = int(length) if length.isdecimal() else None
    if response.status_code == 206:
        told = _PIECE.fullmatch(response.headers.get("Content-Range", ""))
        known = target.total_bytes
        if (
            not told
            or int(told[1]) != target.position
            or (known is not None and int(told[2]) != known)
        ):
            target.restart()
            raise _Cut("the server sent another piece than asked for")
        total = int(told[2])
    elif target.position:
        target.restart()  # it knows no ranges, or its file changed
    target.expect(_validator(response), total)


def _validator(response: httpx.Response) -> str | None:
    """What tells whether the file is still the same; a weak ETag may not be used for ranges, and
    one with other letters than ASCII, as of a file's name, cannot be sent back."""
    tag, modified = response.headers.get("ETag"), response.headers.get("Last-Modified")
    strong = None if tag and tag.startswith("W/") else tag
    return next((told for told in (strong, modified) if told and told.isascii()), None)
