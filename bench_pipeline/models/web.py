"""Parts that come by HTTP: `url:` as it stands, `hf:` from a hub.

A hub is whatever serves `<base>/<owner>/<repo>/resolve/<revision>/<file>`. Its base is
`HF_ENDPOINT`, the variable that the hub's own tools read, so a mirror set for them serves us
too. `HF_TOKEN` goes to that host alone: httpx drops it on a redirect to another origin.
"""

import os
import re
from urllib.parse import quote

import httpx

from bench_pipeline.errors import ModelError, NetworkError
from bench_pipeline.fetching.http import DownloadRefused, DownloadStopped, download
from bench_pipeline.models.assembly import Assembly
from bench_pipeline.progress import Reporter
from bench_pipeline.records.model import ModelPart

HUB = "https://huggingface.co"


def address(part: ModelPart) -> tuple[str, dict[str, str]]:
    """URL and headers of an `hf:` or `url:` part."""
    kind, _, rest = part.source.partition(":")
    if kind == "url":
        return rest, {}
    revision, file = quote(part.revision or "main", safe=""), quote(part.file or "")
    return f"{hub()}/{rest}/resolve/{revision}/{file}", allowance()


def hub() -> str:
    """The base of every hub address, without a slash at its end."""
    return os.environ.get("HF_ENDPOINT", "").rstrip("/") or HUB


def allowance() -> dict[str, str]:
    """The header by which the hub knows whose terms were accepted; empty without a token."""
    token = _token()
    return {"Authorization": f"Bearer {token}"} if token else {}


def _token() -> str | None:
    """`HF_TOKEN`. ModelError, which does not repeat it, where no header can carry it, as with the
    line's end that a file leaves on it: the error of who tries would show it."""
    token = os.environ.get("HF_TOKEN", "")
    if not re.fullmatch(r"[\x21-\x7e]*", token):
        raise ModelError(
            "HF_TOKEN holds a character that no token has",
            mend="set it anew without spaces and line ends; a file from Windows has a second one",
        )
    return token or None


def copy_from_web(
    part: ModelPart, assembly: Assembly, client: httpx.Client, reporter: Reporter
) -> None:
    """Writes the part from where `assembly` stands to its end.

    A cut is retried from where it stopped; ModelError when it stays cut or is refused. Errors
    name the part's own address, not where it redirects to: that may carry a signature.
    """
    url, headers = address(part)
    try:
        download(url, headers, assembly, client, reporter)
    except DownloadStopped as stopped:
        raise ModelError(
            str(stopped),
            mend="check the connection and run it again: it resumes where it stopped",
            where=url,
        ) from None
    except NetworkError as error:
        raise ModelError(error.problem, mend=error.mend, where=url) from None
    except DownloadRefused as refused:
        named = "source, revision or file"
        raise refusal(refused.reason, refused.status, url, named, "the model's file") from None


def refusal(reason: str, status: int | None, url: str, named: str, by: str) -> ModelError:
    """Why a server that answered `status` (None: it cannot be asked) does not give what `by` names,
    `named` saying with which words."""
    problem, mend = reason, "try later, or name another source"
    if status in (401, 403):
        problem = f"the server refuses the file ({status}): gated, private or not there"
        mend = (
            "accept the model's terms on its page and set HF_TOKEN to a token of that account; "
            f"check {named} in {by}"
        )
    elif status in (404, 410):
        problem = f"no such file on the server ({status})"
        mend = f"correct {named} in {by}"
    elif status is None:
        mend = f"correct the source in {by}, or name another address of the same file"
    return ModelError(problem, mend=mend, where=url)
