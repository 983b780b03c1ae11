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
        raise _refusal(refused, url) from None


def _refusal(refused: DownloadRefused, url: str) -> ModelError:
    problem, mend = refused.reason, "try later, or name another source"
    if refused.status in (401, 403):
        problem = f"the server refuses the file ({refused.status}): gated, private or not there"
        mend = (
            "accept the model's terms on its page and set HF_TOKEN to a token of that account; "
            "check source, revision and file in the model's file"
        )
    elif refused.status in (404, 410):
        problem = f"no such file on the server ({refused.status})"
        mend = "correct source, revision or file in the model's file"
    elif refused.status is None:
        mend = "correct `source` in the model's file, or name another address of the same file"
    return ModelError(problem, mend=mend, where=url)
