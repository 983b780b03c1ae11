"""What the pages of some models say that follows from other models' runs."""

from collections import defaultdict
from collections.abc import Iterable

from bench_pipeline.site.devices import shared_devices
from bench_pipeline.site.source import Around, Row, SessionRun, Tables
from bench_pipeline.site.tables.rows import shared_names
from bench_pipeline.site.tables.staleness import Ages


def around(tables: Tables) -> Around:
    """As the tables were given it, or of all their runs."""
    return tables.around or around_of(tables.runs)


def around_of(
    runs: Iterable[Row], divided_trends: frozenset[tuple[str, str]] = frozenset()
) -> Around:
    """Of `runs`, which are all that there are."""
    runs = list(runs)
    ages = Ages(runs)
    caps: dict[tuple[str, str], set[float | None]] = defaultdict(set)
    for run in runs:
        caps[run["rig"], run["backend"]].add(run["power_cap_w"])
    sessions: dict[str, list[SessionRun]] = defaultdict(list)
    for run in sorted(runs, key=lambda run: run["run_id"]):
        if run["session_id"]:
            member = SessionRun(run["run_id"], run["model"], run["build"])
            sessions[run["session_id"]].append(member)
    return Around(
        shared_devices=shared_devices(runs),
        shared_names=shared_names(runs),
        ages={run["run_id"]: ages.of(run) for run in runs},
        sessions=sessions,
        capped=frozenset(place for place, found in caps.items() if len(found) > 1),
        divided_trends=divided_trends,
    )
