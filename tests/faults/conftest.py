"""A whole run with one fault in it, and what of it comes to the page."""

import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from bench_pipeline.engines.llama_cpp.installed import InstalledEngine
from bench_pipeline.engines.llama_cpp.server import LlamaServer
from bench_pipeline.harness.planning.plan import PlanItem
from bench_pipeline.harness.planning.profiles import PROFILES
from bench_pipeline.harness.run import measure_run
from bench_pipeline.paths import Project
from bench_pipeline.records.cell import Cell
from bench_pipeline.records.model import ModelFile
from bench_pipeline.records.rig import BackendSetup, Rig
from bench_pipeline.records.run import Run
from bench_pipeline.records.yaml.files import read_run
from bench_pipeline.warehouse.refresh import refresh
from bench_pipeline.warehouse.store import Warehouse
from tests.conftest import without_runs
from tests.faults.proxy import Fault, Proxy, proxying
from tests.short_runs import short_runs, starved_clients_heard


@dataclass(frozen=True)
class Outcome:
    """A run as read back from its file, and as the warehouse has it."""

    run: Run
    project: Project

    def rows(self, sql: str) -> list[tuple]:
        with Warehouse(self.project.warehouse).read() as connection:
            return connection.execute(sql).fetchall()

    def reaches_the_page(self) -> bool:
        """Whether a range or a chart shows any number of it."""
        views = ("chosen_cells", "speed_ranges", "workload_speeds")
        return any(self.rows(f"select * from {view}") for view in views) or self.points_shown()

    def points_shown(self) -> bool:
        """Whether a curve has any."""
        return bool(
            self.rows("select * from curve_points where coalesce(prefill_tok_s, decode_tok_s) > 0")
        )

    def cell(self, fault: type[Fault]) -> Cell:
        """Of the workload that had this fault."""
        return next(cell for cell in self.run.cells if cell.workload == slug_of(fault.__name__))


@contextmanager
def before_every_server() -> Iterator[Proxy]:
    """All that the harness says to a server goes through it."""
    direct = LlamaServer.base_url.fget
    assert direct is not None
    with proxying() as proxy, pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            LlamaServer, "base_url", property(lambda self: proxy.in_front_of(self, direct(self)))
        )
        yield proxy


def slug_of(name: str) -> str:
    """`stops-early` for StopsEarly."""
    return re.sub(r"(?<!^)(?=[A-Z])", "-", name).lower()


RunWith = Callable[..., Outcome]


@contextmanager
def runs_with(
    folder: Path, engine: InstalledEngine, small_model: tuple[ModelFile, Path]
) -> Iterator[RunWith]:
    """Makes a run of one short workload for each fault, quick and of two waves."""
    project = without_runs(folder / "checkout")
    with (
        before_every_server() as proxy,
        short_runs(),
        starved_clients_heard(),
        pytest.MonkeyPatch.context() as patch,
    ):

        def run_with(
            *faults: Fault,
            concurrency: int = 1,
            output_tokens: int = 32,
            args: tuple[str, ...] = (),
            curve_depths: tuple[int, ...] = (),
            curve_of: type[Fault] | None = None,
        ) -> Outcome:
            proxy.faults = {type(fault).__name__: fault for fault in faults}
            rules = replace(PROFILES["quick"], curve_depths=curve_depths, min_waves=2, max_waves=2)
            patch.setitem(PROFILES, "quick", rules)
            shutil.rmtree(project.workloads)
            project.workloads.mkdir()
            for order, name in enumerate(proxy.faults):
                longest = curve_of is not None and name == curve_of.__name__
                (project.workloads / f"{slug_of(name)}.yaml").write_text(
                    f"title: {name}\nexplanation: short\norder: {order}\n"
                    f"body: {name} is the first of these words{' of the curve' * longest}.\n"
                    f"prompt_tokens: 48\noutput_tokens: {output_tokens}\n"
                    f"quick_output_tokens: {output_tokens}\n"
                )
            setup = BackendSetup(threads=1, args=list(args))
            model, model_path = small_model
            rig = Rig(slug="faulty-rig", title="A rig with a fault", backends={"cpu": setup})
            item = PlanItem(rig.slug, "cpu", engine.build, model.slug, model.sha256)
            run, path = measure_run(
                replace(item, concurrencies=(concurrency,)),
                project=project,
                rig=rig,
                engine=engine,
                model=model,
                model_path=model_path,
            )
            assert read_run(path) == run
            report = refresh(project)
            assert (report.ingested, report.rejected) == (1, [])
            return Outcome(run, project)

        yield run_with


@pytest.fixture
def run_with(tmp_path: Path, engine, small_model) -> Iterator[RunWith]:
    with runs_with(tmp_path, engine, small_model) as run_with:
        yield run_with
