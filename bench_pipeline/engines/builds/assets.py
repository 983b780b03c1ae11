"""Which files of a release are meant: names with a version that nobody knows beforehand."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from bench_pipeline.records.engines import Build, ReleaseAsset

_VERSION = "{version}"


@dataclass(frozen=True)
class Archive:
    """An archive of one build that fits a machine.

    name        as the release has it; `{version}` stands for what upstream writes there
    libraries   of another archive of the same version, whose libraries belong beside the binary
    newest      no version above this major one is fit for the machine; None: every one is
    """

    name: str
    libraries: str | None = None
    newest: int | None = None

    @property
    def folder(self) -> str:
        """Its name without the ending: that of the folder in which it is installed."""
        return self.name.removesuffix(".tar.gz").removesuffix(".zip")

    def versions_in(self, names: Iterable[str]) -> list["Archive"]:
        """Those of `names` that are meant, the newest version first, none of them open any more."""
        if _VERSION not in self.name:
            return [self] if self.name in names else []
        before, after = map(re.escape, self.name.split(_VERSION))
        matches = [re.fullmatch(f"{before}([0-9]+(?:\\.[0-9]+)*){after}", name) for name in names]
        found = {match[1]: match[0] for match in matches if match}
        return [
            Archive(found[version], self.libraries and self.libraries.replace(_VERSION, version))
            for version in sorted(found, key=_numbers, reverse=True)
            if self.newest is None or _numbers(version)[0] <= self.newest
        ]

    def installed(self, folders: Iterable[str]) -> list["Archive"]:
        """The same of folders in which archives were unpacked."""
        ending = self.name.removeprefix(self.folder)
        return self.versions_in([f"{folder}{ending}" for folder in folders])


def archive(asset: ReleaseAsset, build: Build, newest: int | None = None) -> Archive:
    """What `asset` is called in the release of `build`."""
    libraries = asset.libraries and asset.libraries.replace("{build}", build)
    return Archive(asset.pattern.replace("{build}", build), libraries, newest)


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(map(int, version.split(".")))
