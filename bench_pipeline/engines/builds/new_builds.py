"""Which builds to measure next, and beside which: decided from what is known, nothing asked.

A build is new to a place if none as new was measured there. The newest alone is requested: those
that upstream published in between are not made up for.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Self

from pydantic import ValidationError

from bench_pipeline.engines.builds.assets import archive
from bench_pipeline.engines.builds.host import Host
from bench_pipeline.engines.builds.releases import Newest
from bench_pipeline.records.base import Record, UtcTime
from bench_pipeline.records.engines import (
    Build,
    EngineCatalogue,
    NewBuilds,
    ReleaseAsset,
    WatchedPlace,
    build_number,
    highest_build,
)
from bench_pipeline.records.rig import BackendSetup, RigBackend, plain_backend
from bench_pipeline.records.yaml.run_head import MeasuredBuild


class Requested(Record):
    """The last request for one place."""

    build: Build
    """What was to be measured."""
    at: UtcTime
    """When it was requested."""


class Memory(Record):
    """What is remembered from one look at upstream to the next: the sensor's cursor."""

    newest: Newest | None = None
    """Upstream's last good answer."""
    not_before: UtcTime | None = None
    """Upstream wants to be asked no earlier."""
    requested: dict[str, Requested] = {}
    """By place."""

    @classmethod
    def read(cls, cursor: str | None) -> Self:
        """What `cursor` holds; nothing, if it is lost or was written by other code. Then builds
        may be requested once more, whose run keys tell that they are there already."""
        try:
            return cls.model_validate_json(cursor or "{}")
        except ValidationError:
            return cls()

    def write(self) -> str:
        return self.model_dump_json(exclude_none=True)

    def having_requested(self, wanted: Iterable["Wanted"], now: datetime) -> Self:
        new = {want.place: Requested(build=want.build, at=now) for want in wanted}
        return self.model_copy(update={"requested": self.requested | new})


@dataclass(frozen=True)
class Standing:
    """How things stand at one watched place.

    offered    newest numbered build that its channel has for it; None: none (yet)
    measured   what was measured there, in any order
    waiting    an earlier request for it still waits in the queue
    """

    watched: WatchedPlace
    offered: Build | None
    measured: Sequence[MeasuredBuild] = ()
    waiting: bool = False


@dataclass(frozen=True)
class Wanted:
    """`build` is to be measured at `place`, in turns with those `beside` it, if any."""

    place: str
    build: Build
    beside: tuple[Build, ...] = ()


def takes_releases(setup: BackendSetup) -> bool:
    """Whether upstream's releases are among the builds of a backend so set up."""
    return setup.channel in (None, "github-release")


def newest_offered(
    place: RigBackend,
    setup: BackendSetup,
    catalogue: EngineCatalogue,
    newest: Newest | None,
    host: Host | None,
) -> Build | None:
    """The newest numbered build that the channel of a place has for it.

    A release counts once the archive for the place lies ready. `host`: the place's machine,
    None if it is another one than this, so that it is not known what it can run.
    """
    rig, backend = place.rig, plain_backend(place.backend)
    builds: list[Build] = []
    if setup.channel in (None, "path"):
        builds += [p.build for p in catalogue.paths if backend in p.backends and rig in p.rigs]
    if setup.channel in (None, "wheel"):
        builds += [
            wheel.build
            for wheel in catalogue.wheels
            if backend in wheel.backends and not (host and host.lacks(wheel.platform))
        ]
    if newest and catalogue.releases and takes_releases(setup):
        assets = catalogue.releases.assets.get(backend, [])
        newest_cuda = host.cuda if host and backend == "cuda" else None
        if _lies_ready(newest, assets, host, newest_cuda):
            builds.append(newest.build)
    return _newest(builds)


def decide(
    policy: NewBuilds, places: Iterable[Standing], memory: Memory, now: datetime
) -> tuple[list[Wanted], list[str]]:
    """What to request now, and for each other place why nothing is requested there."""
    wanted: list[Wanted] = []
    left: list[str] = []
    for standing in places:
        place = standing.watched.place
        if reason := _reason_to_leave(policy, standing, memory.requested.get(place), now):
            left.append(f"{place}: {reason}")
        elif standing.offered:
            beside = baseline_of(standing.offered, standing)
            wanted.append(Wanted(place, standing.offered, (beside,) if beside else ()))
    return wanted, left


def again(standing: Standing, usual: Build | None) -> Wanted | None:
    """The build that a place runs now, once more beside its baseline: what has changed since is
    the machine's doing. `usual`: the rig's, where it is pinned or nothing was measured yet.
    None: it is not known which build the place runs."""
    measured = _newest(run.build for run in standing.measured if run.succeeded)
    current = usual or measured if standing.watched.pinned else measured or usual
    if current is None:
        return None
    beside = baseline_of(current, standing)
    return Wanted(standing.watched.place, current, (beside,) if beside else ())


def baseline_of(build: Build, standing: Standing) -> Build | None:
    """What `build` is judged against: the policy's baseline, else the newest older build whose
    run succeeded there. None: there is nothing to judge it against."""
    if (fixed := standing.watched.baseline) is not None:
        return fixed if fixed != build else None
    return _newest(
        run.build
        for run in standing.measured
        if run.succeeded and build_number(run.build) < build_number(build)
    )


def _reason_to_leave(
    policy: NewBuilds, standing: Standing, last: Requested | None, now: datetime
) -> str | None:
    offered = standing.offered
    if standing.watched.pinned:
        return "pinned to its build"
    if offered is None:
        return "its channel has no numbered build for it (yet)"
    if last and build_number(last.build) >= build_number(offered):
        return f"{last.build} is requested already"
    # A run file may name any build: one that cannot be yet must not keep the next from its turn.
    possible = range(build_number(offered), highest_build(now.date()) + 1)
    if any(build_number(run.build) in possible for run in standing.measured):
        return f"{offered} or a newer build is measured already"
    if standing.waiting:
        return f"{offered} has to wait: an earlier request is still in the queue"
    if last and now < (free := last.at + timedelta(hours=policy.min_interval_hours)):
        return f"{offered} has to wait until {free:%Y-%m-%d %H:%M} UTC, by `min_interval_hours`"
    return None


def _lies_ready(
    newest: Newest, assets: Iterable[ReleaseAsset], host: Host | None, newest_cuda: int | None
) -> bool:
    return any(
        archive(asset, newest.build, newest_cuda).versions_in(newest.archives)
        for asset in assets
        if not (host and host.lacks(asset.platform))
    )


def _newest(builds: Iterable[Build]) -> Build | None:
    numbered = (build for build in builds if build_number(build) >= 0)
    return max(numbered, key=build_number, default=None)
