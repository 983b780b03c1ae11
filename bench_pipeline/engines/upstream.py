"""Which build upstream published last, asked politely.

By ETag, so that an unchanged answer costs upstream nothing; within seconds, as whoever asks
has more to do; and not again before upstream wants to be asked again.
"""

import os
import time
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

import httpx
from pydantic import BaseModel, Field, ValidationError

from bench_pipeline.records.base import Record
from bench_pipeline.records.engines import Build, ReleaseChannel

RELEASES_API = "BENCH_PIPELINE_RELEASES_API"
"""Environment variable: base address of the releases API, instead of the catalogue's."""

TIMEOUT_S = 10.0
"""For the connection, for the first byte, and for all the rest."""
MAX_BYTES = 4 * 2**20
"""A release with forty archives has 100 KB."""
LONGEST_WAIT = timedelta(days=1)
"""A reset time further off is a mistake of upstream's, or of its clock."""


class Newest(Record):
    """Upstream's newest release, as it last answered."""

    address: str
    """Asked there; another one's ETag means nothing."""
    build: Build = Field(pattern=r"^b[0-9]{1,9}$")
    """Its tag."""
    archives: list[str]
    """Names of the archives that lie ready: upstream adds them one by one after the tag."""
    etag: str | None = None
    """Of that answer."""


class NoAnswer(Exception):
    """Upstream was asked and said nothing of use: why, and until when it wants to be let alone."""

    def __init__(self, reason: str, not_before: datetime | None = None) -> None:
        super().__init__(reason)
        self.not_before = not_before


class _Asset(BaseModel):
    name: str
    state: str = "uploaded"


class _Release(BaseModel):
    tag_name: str = Field(pattern=r"^b[0-9]{1,9}$")
    assets: list[_Asset] = []


def redirected(releases: ReleaseChannel) -> ReleaseChannel:
    """The channel, at the address that the environment names, if it names one."""
    if address := os.environ.get(RELEASES_API):
        return releases.model_copy(update={"api": address.rstrip("/")})
    return releases


def ask_newest(
    releases: ReleaseChannel, known: Newest | None, *, timeout_s: float = TIMEOUT_S
) -> Newest:
    """Upstream's newest release; `known` itself if nothing changed since. NoAnswer if upstream
    is down, slow, refuses, or answers with what is no release of a build."""
    address = f"{releases.api.rstrip('/')}/repos/{releases.repository}/releases/latest"
    headers = {"Accept": "application/vnd.github+json", "User-Agent": "bench_pipeline"}
    if known and known.address == address and known.etag:
        headers["If-None-Match"] = known.etag
    try:
        response = _get(address, headers, timeout_s)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        why = str(error) or type(error).__name__
        raise NoAnswer(f"upstream cannot be asked at {address}: {why}") from None
    if response.status_code == 304 and known and "If-None-Match" in headers:
        return known
    if response.status_code in (403, 429):
        moment = _asked_to_wait_until(response.headers, datetime.now(UTC))
        until = f" before {moment:%Y-%m-%d %H:%M:%S} UTC" if moment else ""
        raise NoAnswer(f"upstream ({response.status_code}) wants no question{until}", moment)
    if response.status_code != 200:
        raise NoAnswer(f"upstream answers {response.status_code} at {address}")
    try:
        release = _Release.model_validate_json(response.content)
    except ValidationError as error:
        fault = error.errors(include_url=False)[0]
        key = ".".join(map(str, fault["loc"]))
        what = f"`{key}`: {fault['msg']}" if key else fault["msg"]
        raise NoAnswer(f"upstream's answer is no release of a build: {what}") from None
    return Newest(
        address=address,
        build=release.tag_name,
        archives=[asset.name for asset in release.assets if asset.state == "uploaded"],
        etag=response.headers.get("ETag"),
    )


def _get(address: str, headers: dict[str, str], timeout_s: float) -> httpx.Response:
    with (
        httpx.Client(timeout=timeout_s, follow_redirects=True, max_redirects=3) as client,
        client.stream("GET", address, headers=headers) as response,
    ):
        deadline = time.monotonic() + timeout_s
        body = b""
        for chunk in response.iter_bytes():
            body += chunk
            if time.monotonic() > deadline:
                # each read has a time-out of its own, which an answer in drops never meets
                raise httpx.ReadTimeout(f"the answer took longer than {timeout_s:g} s")
            if len(body) > MAX_BYTES:
                raise httpx.DecodingError(f"the answer is larger than {MAX_BYTES // 2**20} MiB")
    # without Content-Encoding: what was read is decoded already
    plain = {name: said for name, said in response.headers.items() if name != "content-encoding"}
    return httpx.Response(response.status_code, headers=plain, content=body)


def _asked_to_wait_until(headers: httpx.Headers, now: datetime) -> datetime | None:
    """By Retry-After (seconds or a date), else GitHub's own header; None: it does not say."""
    after, reset = headers.get("Retry-After"), headers.get("X-RateLimit-Reset")
    try:
        if after is not None:
            if after.isdecimal():
                moment = now + min(timedelta(seconds=int(after[:9])), LONGEST_WAIT)
            else:
                moment = parsedate_to_datetime(after).astimezone(UTC)
        elif reset is not None:
            moment = datetime.fromtimestamp(int(reset), UTC)
        else:
            return None
    except (ValueError, OverflowError, OSError):
        return None
    return min(moment, now + LONGEST_WAIT)
