"""Parts that come by HTTP: `url:` as it stands, `hf:` from a hub.

A hub is whatever serves `<base>/<owner>/<repo>/resolve/<revision>/<file>`. Its base is
`HF_ENDPOINT`, the variable that the hub's own tools read, so a mirror set for them serves us
too. `HF_TOKEN` goes to that host alone: httpx drops it on a redirect to another origin.
"""

import os
import re
import time
from urllib.parse import quote

import httpx

from bench_pipeline.errors import ModelError
from bench_pipeline.models.assembly import Assembly
from bench_pipeline.progress import Reporter
from bench_pipeline.records.model import ModelPart

HUB = "https://huggingface.co"
TIMEOUT = httpx.Timeout(60, connect=15)
RETRY_WAITS_S = (1.0, 3.0, 10.0)
"""Pauses between tries in a row that brought nothing worth having."""
WORTH_BYTES = 2**20
"""A try that brought this much counts as progress: the pauses begin anew."""
PASSING = frozenset({408, 425, 429, 500, 502, 503, 504})
"""Statuses that may be gone at the next try."""


class _Cut(Exception):
    """The connection or the server failed in a way that may pass."""


def address(part: ModelPart) -> tuple[str, dict[str, str]]:
    """URL and headers of an `hf:` or `url:` part."""
    kind, _, rest = part.source.partition(":")
    if kind == "url":
        return rest, {}
    base = os.environ.get("HF_ENDPOINT", "").rstrip("/") or HUB
    revision, file = quote(part.revision or "main", safe=""), quote(part.file or "")
    token = os.environ.get("HF_TOKEN")
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    return f"{base}/{rest}/resolve/{revision}/{file}", headers


def copy_from_web(
    part: ModelPart, assembly: Assembly, client: httpx.Client, reporter: Reporter
) -> None:
    """Writes the part from where `assembly` stands to its end.

    A cut is retried from where it stopped; ModelError when it stays cut or is refused.
    """
    url, headers = address(part)
    fruitless = 0
    while not _is_whole(assembly):
        before = assembly.position
        try:
            _copy_once(url, headers, assembly, client)
            return
        except _Cut as cut:
            fruitless = 0 if assembly.position - before >= WORTH_BYTES else fruitless + 1
            if fruitless > len(RETRY_WAITS_S):
                raise ModelError(
                    f"the download stopped at {assembly.position:,} bytes: {cut}",
                    mend="check the connection and run it again: it resumes where it stopped",
                    where=url,
                ) from None
            wait_s = RETRY_WAITS_S[max(fruitless - 1, 0)]
            reporter.say(f"{cut}; trying again in {wait_s:g} s from {assembly.position:,} bytes")
            time.sleep(wait_s)
        except (httpx.InvalidURL, httpx.HTTPError) as error:
            raise ModelError(
                f"cannot be downloaded: {error}",
                mend="correct `source` in the model's file",
                where=url,
            ) from None


def _is_whole(assembly: Assembly) -> bool:
    """All bytes came in an earlier try that was killed before it could say so."""
    return assembly.part_total_bytes is not None and (
        assembly.position == assembly.part_total_bytes
    )


def _copy_once(url: str, headers: dict[str, str], assembly: Assembly, client: httpx.Client) -> None:
    # A compressed body would be counted, ranged and hashed as something else.
    headers = headers | {"Accept-Encoding": "identity"}
    if assembly.position:
        headers["Range"] = f"bytes={assembly.position}-"
        if assembly.validator:
            headers["If-Range"] = assembly.validator
    try:
        with client.stream("GET", url, headers=headers, follow_redirects=True) as response:
            _take(response, url, assembly)
            for chunk in response.iter_raw():  # as it comes: a chunk size would hold back a tail
                assembly.write(chunk)
    except httpx.UnsupportedProtocol:
        raise
    except httpx.TransportError as error:
        raise _Cut(str(error) or type(error).__name__) from None
    if assembly.part_total_bytes is not None and not _is_whole(assembly):
        raise _Cut("the server ended the file early")


def _take(response: httpx.Response, url: str, assembly: Assembly) -> None:
    """Brings `assembly` to the point at which the body of `response` begins.

    Errors name `url`, not where it redirects to: that may carry a signature.
    """
    if response.status_code == 416:
        # We have more than the server: its file became shorter, so ours is of another one.
        assembly.restart_part()
        raise _Cut("the file on the server changed")
    if response.status_code in PASSING:
        raise _Cut(f"the server answers {response.status_code} {response.reason_phrase}")
    if response.status_code not in (200, 206):
        raise _refusal(response, url)
    if response.headers.get("Content-Encoding", "identity") != "identity":
        raise ModelError(
            "the server compresses the file although asked not to",
            mend="name another address of the same file in `source`",
            where=url,
        )
    length = response.headers.get("Content-Length", "")
    total = int(length) if length.isdecimal() else None
    if response.status_code == 206:
        told = re.fullmatch(r"bytes (\d+)-\d+/(\d+)", response.headers.get("Content-Range", ""))
        known = assembly.part_total_bytes
        if (
            not told
            or int(told[1]) != assembly.position
            or (known is not None and int(told[2]) != known)
        ):
            assembly.restart_part()
            raise _Cut("the server sent another piece than asked for")
        total = int(told[2])
    elif assembly.position:
        assembly.restart_part()  # it knows no ranges, or its file changed
    assembly.expect(_validator(response), total)


def _validator(response: httpx.Response) -> str | None:
    """What tells whether the file is still the same; a weak ETag may not be used for ranges."""
    tag = response.headers.get("ETag")
    return tag if tag and not tag.startswith("W/") else response.headers.get("Last-Modified")


def _refusal(response: httpx.Response, url: str) -> ModelError:
    status = f"{response.status_code} {response.reason_phrase}"
    if response.status_code in (401, 403):
        problem = f"the server refuses the file ({status}): gated, private or not there"
        mend = (
            "accept the model's terms on its page and set HF_TOKEN to a token of that account; "
            "check source, revision and file in the model's file"
        )
    elif response.status_code in (404, 410):
        problem = f"no such file on the server ({status})"
        mend = "correct source, revision or file in the model's file"
    else:
        problem, mend = f"the server answers {status}", "try later, or name another source"
    return ModelError(problem, mend=mend, where=url)
