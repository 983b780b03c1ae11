"""Channel `github-release`: upstream's archives, by GitHub's releases API."""

from contextlib import closing
from pathlib import Path
from typing import Any

import httpx

from bench_pipeline.downloads import TIMEOUT, DownloadRefused, DownloadStopped, download
from bench_pipeline.errors import EngineError
from bench_pipeline.progress import Reporter, Step
from bench_pipeline.records.engines import ReleaseChannel
from bench_pipeline.wheels import sha256_of


def new_client() -> httpx.Client:
    """A client that names us, as the API's terms ask."""
    return httpx.Client(
        timeout=TIMEOUT, follow_redirects=True, headers={"User-Agent": "bench_pipeline"}
    )


def latest_build(releases: ReleaseChannel, client: httpx.Client | None = None) -> str:
    """Tag of upstream's newest release, e.g. `b10434`. EngineError if it cannot be asked."""
    address = f"{releases.api}/repos/{releases.repository}/releases/latest"
    return str(_ask(address, client)["tag_name"])


def find_archive(
    api: str, repository: str, build: str, asset: str, client: httpx.Client
) -> tuple[str, int, str | None]:
    """Address, size in bytes and sha256 (None on old releases) of one archive of a release."""
    address = f"{api}/repos/{repository}/releases/tags/{build}"
    assets = {found["name"]: found for found in _ask(address, client)["assets"]}
    if (found := assets.get(asset)) is None:
        raise EngineError(
            f"release {build} has no archive `{asset}`",
            mend=f"correct the pattern in content/engines.yaml; it has {', '.join(sorted(assets))}"
            if assets
            else "wait until upstream has built it, or choose another build",
            where=repository,
        )
    algorithm, _, digest = (found.get("digest") or "").partition(":")
    sha256 = digest if algorithm == "sha256" else None
    return found["browser_download_url"], found["size"], sha256


class _Archive:
    """The growing file of a release's archive, whose size upstream has told already."""

    def __init__(self, path: Path, size_bytes: int, step: Step) -> None:
        self._file = path.open("ab", buffering=0)  # what arrived before a kill is kept
        self._step, self.total_bytes = step, size_bytes
        self.validator = None
        """An asset of a release never changes under its address; its sum is checked at the end."""
        step.advance(self.position)

    @property
    def position(self) -> int:
        return self._file.tell()

    def expect(self, validator: str | None, total_bytes: int | None) -> None:
        pass  # sum and size are compared once it is here

    def write(self, chunk: bytes) -> None:
        self._file.write(chunk)
        self._step.advance(len(chunk))

    def restart(self) -> None:
        self._step.advance(-self.position)
        self._file.seek(0)
        self._file.truncate()

    def close(self) -> None:
        self._file.close()


def download_archive(
    url: str,
    target: Path,
    size_bytes: int,
    sha256: str | None,
    client: httpx.Client,
    reporter: Reporter,
) -> str:
    """Puts the file at `target` and returns its sha256; takes up what an earlier try left.

    The caller sees to it that only one process does this for one target.
    """
    partial = target.with_name(f".{target.name}.partial")
    with (
        reporter.step(f"Downloading {target.name}", size_bytes, "bytes") as step,
        closing(_Archive(partial, size_bytes, step)) as archive,
    ):
        try:
            download(url, {}, archive, client, reporter)
        except DownloadStopped as stopped:
            raise EngineError(
                str(stopped),
                mend="check the connection and run it again: it resumes where it stopped",
                where=url,
            ) from None
        except DownloadRefused as refused:
            raise EngineError(
                refused.reason, mend="try later, or choose another build", where=url
            ) from None
    actual, have = sha256_of(partial), partial.stat().st_size
    if have != size_bytes or (sha256 is not None and actual != sha256):
        partial.unlink()
        raise EngineError(
            f"the archive has {have:,} bytes and sha256 {actual}, upstream says "
            f"{size_bytes:,} bytes and {sha256 or 'no sha256'}",
            mend="run it again; if it stays so, what lies between here and upstream alters files",
            where=url,
        )
    partial.replace(target)
    return actual


def _ask(address: str, client: httpx.Client | None) -> dict[str, Any]:
    headers = {"Accept": "application/vnd.github+json"}
    try:
        if client is None:
            with new_client() as own:
                response = own.get(address, headers=headers)
        else:
            response = client.get(address, headers=headers)
    except httpx.HTTPError as error:
        raise EngineError(
            f"upstream's releases cannot be asked: {error or type(error).__name__}",
            mend="check the connection, or use channel `wheel` or `path` in content/engines.yaml",
            where=address,
        ) from None
    if response.status_code == 404:
        raise EngineError(
            "upstream has no such release", mend="choose another build", where=address
        )
    if response.status_code in (403, 429):
        raise EngineError(
            f"upstream refuses to answer ({response.status_code}): too many questions this hour",
            mend="wait an hour, or use channel `wheel` or `path` in content/engines.yaml",
            where=address,
        )
    try:
        response.raise_for_status()
        answer = response.json()
        if not isinstance(answer, dict):
            raise ValueError
    except (httpx.HTTPStatusError, ValueError):
        raise EngineError(
            f"upstream answers {response.status_code} with no release",
            mend="try again later, or correct `api` and `repository` in content/engines.yaml",
            where=address,
        ) from None
    return answer
