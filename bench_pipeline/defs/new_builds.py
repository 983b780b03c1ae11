"""The sentinel's measurements that request themselves: each new build, and once a week.

Both are registered stopped; whoever runs the UI decides whether to switch them on. What they
request is decided in `engines.new_builds`; here is only what they look at and what they launch.
"""

from collections.abc import Iterator
from datetime import UTC, datetime

import dagster as dg

from bench_pipeline.defs.jobs import measure
from bench_pipeline.defs.partitions import declared_rigs, rig_backend_partitions
from bench_pipeline.engines.builds.host import this_host
from bench_pipeline.engines.builds.new_builds import (
    Memory,
    Standing,
    Wanted,
    again,
    decide,
    newest_offered,
    takes_releases,
)
from bench_pipeline.engines.builds.releases import Newest, NoAnswer, redirected
from bench_pipeline.harness.planning.plan import wanted_build
from bench_pipeline.inventory.identity import this_rig
from bench_pipeline.paths import Project
from bench_pipeline.records.engines import EngineCatalogue, Sentinel, WatchedPlace
from bench_pipeline.records.rig import Rig, RigBackend
from bench_pipeline.records.yaml.files import read_engines
from bench_pipeline.records.yaml.run_head import measured_builds

BUILD_TAG, BASELINE_TAG = "bench/build", "bench/baseline"

NOTHING_WATCHED = dg.SkipReason(
    "this machine is no declared rig and content/engines.yaml watches no place: run `make bench`"
    " here, or name places in `new_builds`; what to measure there stands in `sentinel`"
)


@dg.sensor(
    job=measure,
    minimum_interval_seconds=900,
    description="Asks upstream for its newest build and has each watched place measure it beside"
    " the build that it replaces.",
)
def new_llama_cpp_build(
    context: dg.SensorEvaluationContext, project: dg.ResourceParam[Project]
) -> dg.SensorResult | dg.SkipReason:
    catalogue = read_engines(project.engines)
    policy, sentinel = catalogue.new_builds, catalogue.sentinel
    places, unknown = watched_places(project, catalogue)
    if not (places or unknown) or sentinel is None:
        return NOTHING_WATCHED
    memory, now = Memory.read(context.cursor), datetime.now(UTC)

    open_to_releases = any(
        takes_releases(rig.backends[place.backend])
        for watched, rig, place in places
        if not watched.pinned
    )
    if catalogue.releases and open_to_releases:
        if memory.not_before and now < memory.not_before:
            moment = f"{memory.not_before:%Y-%m-%d %H:%M:%S} UTC"
            return dg.SkipReason(f"upstream wants no question before {moment}")
        from bench_pipeline.engines.builds.upstream import ask_newest  # httpx: only who asks

        try:
            newest = ask_newest(redirected(catalogue.releases), memory.newest)
        except NoAnswer as silent:
            if silent.not_before is None:
                return dg.SkipReason(str(silent))
            waiting = memory.model_copy(update={"not_before": silent.not_before})
            return dg.SensorResult(skip_reason=str(silent), cursor=waiting.write())
        memory = memory.model_copy(update={"newest": newest, "not_before": None})

    standings = [
        standing(context.instance, project, catalogue, memory.newest, *place) for place in places
    ]
    wanted, left = decide(policy, standings, memory, now)
    if not wanted:
        reason = "; ".join([*left, *unknown])
        return dg.SensorResult(skip_reason=reason, cursor=memory.write())
    for line in (*left, *unknown):
        context.log.info(f"Nothing requested at {line}")
    return dg.SensorResult(
        run_requests=[
            request(want, sentinel, run_key=f"{want.build}:{want.place}:all") for want in wanted
        ],
        cursor=memory.having_requested(wanted, now).write(),
    )


@dg.schedule(
    job=measure,
    cron_schedule="0 2 * * 0",
    execution_timezone="UTC",
    description="On Sundays, each watched place measures its current build again beside its"
    " baseline: what differs from last week is the machine's doing.",
)
def weekly_sentinel(
    context: dg.ScheduleEvaluationContext, project: dg.ResourceParam[Project]
) -> Iterator[dg.RunRequest | dg.SkipReason]:
    catalogue = read_engines(project.engines)
    sentinel = catalogue.sentinel
    places, left = watched_places(project, catalogue)
    if not (places or left) or sentinel is None:
        yield NOTHING_WATCHED
        return
    year, week, _day = context.scheduled_execution_time.isocalendar()
    requests: list[dg.RunRequest] = []
    for watched, rig, place in places:
        usual = wanted_build(rig, place.backend, catalogue)
        stands = standing(context.instance, project, catalogue, None, watched, rig, place)
        if stands.waiting:
            left.append(f"{place.key}: an earlier request is still in the queue")
        elif (want := again(stands, usual)) is None:
            left.append(f"{place.key}: no build was measured there yet")
        else:
            key = f"{year}-W{week:02}:{place.key}:all"
            requests.append(request(want, sentinel, run_key=key, remeasure=True))
    for line in left:
        context.log.info(f"Nothing requested at {line}")
    if not requests:
        yield dg.SkipReason("; ".join(left))
    yield from requests


def watched_places(
    project: Project, catalogue: EngineCatalogue
) -> tuple[list[tuple[WatchedPlace, Rig, RigBackend]], list[str]]:
    """The policy's places with their rigs, and those of them that no run could be launched for.

    Where this machine is a declared rig, runs are made on it and on those that it reaches by ssh:
    other places are theirs to watch, and if the policy has none of its own, its best backend is
    one.
    """
    rigs, _broken = declared_rigs(project.rigs)
    declared = {key: rig for rig in rigs.values() for key in rig.partition_keys}
    launchable = set(rig_backend_partitions.get_partition_keys())
    here, policy = this_rig(rigs), list(catalogue.new_builds.places)
    if here is not None and not any(place.place in here.partition_keys for place in policy):
        backend = here.best_first[0]
        policy.append(WatchedPlace(place=RigBackend(here.slug, backend).key))
    places, unknown = [], []
    for watched in policy:
        rig = declared.get(watched.place)
        if rig is not None and here is not None and rig != here and rig.ssh is None:
            unknown.append(f"{watched.place}: is another machine than this one, `{here.slug}`")
        elif rig is None:
            unknown.append(f"{watched.place}: no rig file declares it")
        elif watched.place not in launchable:
            unknown.append(f"{watched.place}: declared just now, reload the definitions")
        else:
            place = RigBackend.parse(watched.place)
            places.append((watched, rig, place))
    return places, unknown


def standing(
    instance: dg.DagsterInstance,
    project: Project,
    catalogue: EngineCatalogue,
    newest: Newest | None,
    watched: WatchedPlace,
    rig: Rig,
    place: RigBackend,
) -> Standing:
    """How things stand at one place, by the run files and the queue."""
    here = this_rig({rig.slug: rig}) is not None
    queued = dg.RunsFilter(
        job_name=measure.name,
        tags={"dagster/partition": place.key},
        statuses=[dg.DagsterRunStatus.NOT_STARTED, dg.DagsterRunStatus.QUEUED],
    )
    return Standing(
        watched=watched,
        offered=newest_offered(
            place,
            rig.backends[place.backend],
            catalogue,
            newest,
            this_host() if here else None,
        ),
        measured=measured_builds(project.runs, place),
        waiting=bool(instance.get_runs(filters=queued, limit=1)),
    )


def request(
    want: Wanted, sentinel: Sentinel, *, run_key: str, remeasure: bool = False
) -> dg.RunRequest:
    """A run of the job `measure`. `run_key`: of two with the same one, only the first is made."""
    beside = list(want.beside)
    wanted_runs = {
        "models": sentinel.models,
        "build": want.build,
        "beside": beside,
        "profile": "full",
        "remeasure": remeasure,
    }
    return dg.RunRequest(
        run_key=run_key,
        partition_key=want.place,
        run_config={
            "ops": {
                "engine_builds": {"config": {"build": want.build, "beside": beside}},
                "benchmark_runs": {"config": wanted_runs},
            }
        },
        tags={BUILD_TAG: want.build} | ({BASELINE_TAG: beside[0]} if beside else {}),
    )
