"""What upstream released, by GitHub's releases API: the newest build, and the archives of one.

Builds are prereleases. What upstream calls its latest release is a version (`v0.3.0`) without
archives, whose one file, `nightly-tag.txt`, holds the tag of the build that it stands for; older
mirrors still have a build there. Where neither is to be had, the newest of all builds counts.

The newest is asked for politely: by ETag, so that an unchanged answer costs upstream nothing, and
not again before upstream wants to be asked again.
"""

import re
import time
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

import httpx
from pydantic import TypeAdapter, ValidationError

from bench_pipeline.engines.builds.releases import (
    PATIENT_S,
    TIMEOUT_S,
    Newest,
    NoAnswer,
    NoSuchRelease,
    Release,
)
from bench_pipeline.errors import NetworkError
from bench_pipeline.fetching.client import outside_client
from bench_pipeline.paths import artefact_cache
from bench_pipeline.records.base import Record
from bench_pipeline.records.engines import Build, ReleaseChannel, build_number
from bench_pipeline.records.yaml.files import write_atomically

NAMED = {"User-Agent": "bench_pipeline"}
"""Who asks, as the API's terms want to know."""

MAX_BYTES = 4 * 2**20
"""A release with forty archives has 100 KB."""
MAX_LIST_BYTES = 16 * 2**20
"""A page of the list has thirty of them."""
POINTER = "nightly-tag.txt"
"""The file of a version's release that names its build."""
ASKED_AGAIN_AFTER = timedelta(days=1)
"""Upstream tags several builds a day; a benchmark wants one that stays for a while."""
LONGEST_WAIT = timedelta(days=1)
"""A reset time further off is a mistake of upstream's, or of its clock."""

AGAIN = "try again later, or correct `api` and `repository` in content/engines.yaml"
OTHER_CHANNEL = "use channel `wheel` or `path` in content/engines.yaml"
"""What to do about it."""


_LIST: TypeAdapter[list[Release] | Release] = TypeAdapter(list[Release] | Release)
"""A mirror of one release may answer with it alone."""


class _Remembered(Record):
    """The newest build, and when upstream told it."""

    newest: Newest
    asked_at: datetime


def newest_today(releases: ReleaseChannel, *, timeout_s: float) -> str:
    """Tag of upstream's newest release, e.g. `b10434`, as it was within the last day: upstream is
    asked no oftener. NoAnswer if it cannot tell, and no release that it told of lies here."""
    file, now = artefact_cache() / "engines" / "upstream-newest.json", datetime.now(UTC)
    try:
        known = _Remembered.model_validate_json(file.read_bytes())
    except (OSError, ValueError):
        known = None
    if known and not known.newest.address.startswith(releases.api.rstrip("/") + "/"):
        known = None
    if known and timedelta() <= now - known.asked_at < ASKED_AGAIN_AFTER:
        return known.newest.build
    try:
        newest = ask_newest(releases, known.newest if known else None, timeout_s=timeout_s)
    except NoAnswer:
        if known and (file.parent / releases.channel / known.newest.build).is_dir():
            return known.newest.build
        raise
    with suppress(OSError):  # a question more is no reason to stop
        file.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(file, _Remembered(newest=newest, asked_at=now).model_dump_json().encode())
    return newest.build


def ask_newest(
    releases: ReleaseChannel, known: Newest | None, *, timeout_s: float = TIMEOUT_S
) -> Newest:
    """Upstream's newest release of a build; `known` itself if nothing changed since. NoAnswer if
    upstream is down, slow, refuses, or answers with what is no release."""
    every = f"{releases.api.rstrip('/')}/repos/{releases.repository}/releases"
    address = f"{every}/latest"
    known = known if known and known.address == address else None
    try:
        response = _ask(address, timeout_s, known.etag if known else None)
    except NoSuchRelease:  # prereleases are all that there is
        return _newest_listed(every, address, known, timeout_s)
    if known and response.status_code == 304:
        return _with_its_archives(known, timeout_s)
    release = _release_in(response, address)
    etag = response.headers.get("ETag")
    if build_number(release.tag_name) >= 0:
        return Newest(address=address, build=release.tag_name, archives=release.ready, etag=etag)
    if build := _build_named_by(release, timeout_s):
        named = Newest(
            address=address,
            build=build,
            archives=[],
            etag=etag,
            archives_at=f"{every}/tags/{build}",
        )
        try:
            return _with_its_archives(named, timeout_s)
        except NoSuchRelease:
            pass  # removed since, as old ones are
    return _newest_listed(every, address, known, timeout_s)


def _with_its_archives(known: Newest, timeout_s: float) -> Newest:
    """`known` with the archives that its build has by now; itself if nothing changed."""
    if known.archives_at is None:
        return known
    response = _ask(known.archives_at, timeout_s, known.archives_etag)
    if response.status_code == 304:
        return known
    release = _build_in(response, known.archives_at)
    etag = response.headers.get("ETag")
    return known.model_copy(update={"archives": release.ready, "archives_etag": etag})


def _build_named_by(version: Release, timeout_s: float) -> Build | None:
    """The tag that a version's release points to; None if it does not (any more)."""
    pointer = next((a for a in version.assets if a.name == POINTER and a.ready), None)
    if pointer is None or not pointer.browser_download_url:
        return None
    try:
        answer = _get(pointer.browser_download_url, NAMED, timeout_s)
    except (NetworkError, httpx.HTTPError, httpx.InvalidURL):
        return None
    found = re.search(rb"\bb[0-9]{1,9}\b", answer.content[:200])
    return found[0].decode() if answer.status_code == 200 and found else None


def _newest_listed(every: str, address: str, known: Newest | None, timeout_s: float) -> Newest:
    """The newest build of the list of all releases."""
    same = known if known and known.archives_at == every else None
    response = _ask(every, timeout_s, same.archives_etag if same else None, MAX_LIST_BYTES)
    if same and response.status_code == 304:
        return same
    try:
        listed = _LIST.validate_json(response.content)
    except ValidationError as error:
        raise NoAnswer(
            f"upstream's answer is no list of releases: {_fault(error)}", mend=AGAIN, where=every
        ) from None
    found = [listed] if isinstance(listed, Release) else listed
    builds = [r for r in found if build_number(r.tag_name) >= 0 and not r.draft]
    if not builds:
        newest = f", the first is `{found[0].tag_name}`" if found else ""
        raise NoAnswer(
            f"none of upstream's {len(found)} newest releases is a build{newest}",
            mend=AGAIN,
            where=every,
        )
    # one that was tagged a moment ago has no archive yet
    best = max(builds, key=lambda r: (bool(r.ready), build_number(r.tag_name)))
    return Newest(
        address=address,
        build=best.tag_name,
        archives=best.ready,
        archives_at=every,
        archives_etag=response.headers.get("ETag"),
    )


def ask_release(api: str, repository: str, build: str) -> Release:
    """The release of that tag, e.g. `b10434`. NoAnswer if upstream cannot tell it."""
    address = f"{api.rstrip('/')}/repos/{repository}/releases/tags/{build}"
    return _build_in(_ask(address, PATIENT_S), address)


def _ask(
    address: str, timeout_s: float, etag: str | None = None, max_bytes: int = MAX_BYTES
) -> httpx.Response:
    """An answer of status 200; or of 304, only where there is an `etag`."""
    headers = {"Accept": "application/vnd.github+json", **NAMED}
    if etag:
        headers["If-None-Match"] = etag
    try:
        response = _get(address, headers, timeout_s, max_bytes)
    except NetworkError as error:
        raise NoAnswer(error.problem, mend=error.mend, where=address) from None
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise NoAnswer(
            f"upstream cannot be asked: {str(error) or type(error).__name__}",
            mend=f"check the connection, or {OTHER_CHANNEL}",
            where=address,
        ) from None
    status = response.status_code
    if status == 200 or (status == 304 and etag):
        return response
    if status in (403, 429):
        moment = _asked_to_wait_until(response.headers, datetime.now(UTC))
        until = f" before {moment:%Y-%m-%d %H:%M:%S} UTC" if moment else ""
        raise NoAnswer(
            f"upstream ({status}) wants no question{until}: too many questions this hour",
            mend=f"wait {'until then' if moment else 'an hour'}, or {OTHER_CHANNEL}",
            where=address,
            not_before=moment,
        )
    if status == 404:
        raise NoSuchRelease(
            "upstream has no such release: it answers 404",
            mend="choose another build, or correct `api` and `repository` in content/engines.yaml",
            where=address,
        )
    raise NoAnswer(f"upstream answers {status} with no release", mend=AGAIN, where=address)


def _build_in(response: httpx.Response, address: str) -> Release:
    release = _release_in(response, address)
    if build_number(release.tag_name) < 0:
        raise NoAnswer(
            f"upstream's answer is no release of a build: its tag is `{release.tag_name}`",
            mend=AGAIN,
            where=address,
        )
    return release


def _release_in(response: httpx.Response, address: str) -> Release:
    try:
        return Release.model_validate_json(response.content)
    except ValidationError as error:
        raise NoAnswer(
            f"upstream's answer is no release of a build: {_fault(error)}",
            mend=AGAIN,
            where=address,
        ) from None


def _fault(error: ValidationError) -> str:
    fault = error.errors(include_url=False)[0]
    key = ".".join(map(str, fault["loc"]))
    return f"`{key}`: {fault['msg']}" if key else fault["msg"]


def _get(
    address: str, headers: dict[str, str], timeout_s: float, max_bytes: int = MAX_BYTES
) -> httpx.Response:
    with (
        outside_client(timeout_s, max_redirects=3) as client,
        client.stream("GET", address, headers=headers) as response,
    ):
        deadline = time.monotonic() + timeout_s
        body = b""
        for chunk in response.iter_bytes():
            body += chunk
            if time.monotonic() > deadline:
                # each read has a time-out of its own, which an answer in drops never meets
                raise httpx.ReadTimeout(f"the answer took longer than {timeout_s:g} s")
            if len(body) > max_bytes:
                raise httpx.DecodingError(f"the answer is larger than {max_bytes // 2**20} MiB")
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
