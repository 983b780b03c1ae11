"""How old a figure is, from the data alone: behind which build, and before which run."""

from collections.abc import Iterable
from datetime import datetime

from bench_pipeline.site import wording
from bench_pipeline.site.source import Row

DAYS_OF_A_MONTH = 30.44


class Ages:
    """The newest build of each engine on each rig and backend, and the newest measured run, among
    these of `runs`. Another machine's build tells nothing of what this one could run."""

    def __init__(self, runs: Iterable[Row]) -> None:
        self.newest: dict[tuple[str, ...], tuple[int, str]] = {}
        self.latest: datetime | None = None
        for run in runs:
            if run.get("provenance") == "imported":
                continue  # its numbers and its clock are somebody else's
            if run["build_number"] is not None:
                build = run["build_number"], run["build"]
                self.newest[_place(run)] = max(self.newest.get(_place(run), build), build)
            if run["started_at"] and (self.latest is None or run["started_at"] > self.latest):
                self.latest = run["started_at"]

    def of(self, run: Row) -> str:
        """`366 builds behind b10434, measured 3 months before the newest run`; empty where it is
        of the newest build and of the newest month, or nobody can tell."""
        words = []
        number, build = self.newest.get(_place(run), (0, ""))
        if run["build_number"] is not None and run["build_number"] < number:
            words.append(f"{wording.counted(number - run['build_number'], 'build')} behind {build}")
        if run["started_at"] and self.latest:
            months = int((self.latest - run["started_at"]).days / DAYS_OF_A_MONTH)
            if months:
                words.append(f"measured {wording.counted(months, 'month')} before the newest run")
        return ", ".join(words)


def _place(run: Row) -> tuple[str, ...]:
    return run["engine"], run["rig"], run["backend"]
