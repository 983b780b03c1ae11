"""Channel `github-release`: an archive of one of upstream's releases."""

from contextlib import closing
from pathlib import Path

from bench_pipeline.engines.builds import upstream
from bench_pipeline.errors import EngineError, NetworkError
from bench_pipeline.fetching.client import outside_client
from bench_pipeline.fetching.http import TIMEOUT, DownloadRefused, DownloadStopped, download
from bench_pipeline.fetching.wheels import sha256_of
from bench_pipeline.progress import Reporter, Step


def find_archive(api: str, repository: str, build: str, asset: str) -> tuple[str, int, str | None]:
    """Address, size in bytes and sha256 (None on old releases) of one archive of a release."""
    assets = {found.name: found for found in upstream.ask_release(api, repository, build).assets}
    found = assets.get(asset)
    if found and found.ready and found.browser_download_url and found.size is not None:
        algorithm, _, digits = (found.digest or "").partition(":")
        return found.browser_download_url, found.size, digits if algorithm == "sha256" else None
    named = ", ".join(sorted(name for name in assets if name != asset))
    raise EngineError(
        f"release {build} has no archive `{asset}`{' to download yet' if found else ''}",
        mend=f"correct the pattern in content/engines.yaml; it has {named}"
        if named and not found
        else "wait until upstream has built it, or choose another build",
        where=repository,
    )


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
    reporter: Reporter,
) -> str:
    """Puts the file at `target` and returns its sha256; takes up what an earlier try left.

    The caller sees to it that only one process does this for one target.
    """
    partial = target.with_name(f".{target.name}.partial")
    with (
        reporter.step(f"Downloading {target.name}", size_bytes, "bytes") as step,
        closing(_Archive(partial, size_bytes, step)) as archive,
        outside_client(TIMEOUT, headers=upstream.NAMED) as client,
    ):
        try:
            download(url, {}, archive, client, reporter)
        except DownloadStopped as stopped:
            raise EngineError(
                str(stopped),
                mend="check the connection and run it again: it resumes where it stopped",
                where=url,
            ) from None
        except NetworkError as error:
            raise EngineError(error.problem, mend=error.mend, where=url) from None
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
