"""Channel `github-release`: an archive of one of upstream's releases."""

from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from bench_pipeline.engines.builds import upstream
from bench_pipeline.engines.builds.assets import Archive
from bench_pipeline.engines.builds.catalogue import RECIPE, ReleaseBuild
from bench_pipeline.engines.builds.releases import Asset
from bench_pipeline.errors import EngineError, NetworkError
from bench_pipeline.fetching.client import outside_client
from bench_pipeline.fetching.http import TIMEOUT, DownloadRefused, DownloadStopped, download
from bench_pipeline.fetching.wheels import sha256_of
from bench_pipeline.progress import Reporter, Step


@dataclass(frozen=True)
class Found:
    """A file of a release that can be downloaded; old releases tell no sum."""

    archive: Archive
    url: str
    size_bytes: int
    sha256: str | None


def find_archives(choice: ReleaseBuild) -> list[Found]:
    """What to download of a release: the archive with the binary, then that of its libraries, if
    it has such. EngineError if it has none that fits, NoAnswer if upstream cannot tell."""
    assets = {
        found.name: found
        for found in upstream.ask_release(choice.api, choice.repository, choice.build).assets
    }
    meant = [named for wish in choice.archives for named in wish.versions_in(assets)]
    found = [there for archive in meant if (there := _found(archive, assets.get(archive.name)))]
    if found:
        libraries = Archive(found[0].archive.libraries or "")
        beside = _found(libraries, assets.get(libraries.name))
        return [found[0], beside] if beside else [found[0]]
    named = ", ".join(sorted(name for name, asset in assets.items() if asset.ready))
    wishes = " or ".join(f"`{wish.name}`" for wish in choice.archives)
    limit = choice.archives[0].newest
    fit = f" for CUDA {limit} or older" if limit and "{version}" in choice.archives[0].name else ""
    raise EngineError(
        f"release {choice.build} has no archive {wishes}{fit}{' to download yet' if meant else ''}",
        mend="wait until upstream has built it, or choose another build"
        if meant or not named
        else f"choose another build, correct the pattern in content/engines.yaml, or {RECIPE}; "
        f"it has {named}",
        where=choice.repository,
    )


def _found(archive: Archive, asset: Asset | None) -> Found | None:
    if not (asset and asset.ready and asset.browser_download_url and asset.size is not None):
        return None
    algorithm, _, digits = (asset.digest or "").partition(":")
    sha256 = digits if algorithm == "sha256" else None
    return Found(archive, asset.browser_download_url, asset.size, sha256)


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
        if self.position + len(chunk) > self.total_bytes:
            self.restart()
            raise DownloadRefused(f"the server sends more than {self.total_bytes:,} bytes")
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
    if sha256 is None:
        reporter.say(f"Upstream tells no sum of {target.name}: only its size is compared.")
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
