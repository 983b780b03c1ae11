"""What every test may use: a project of its own, the real engine, a real small model.

The engine and the model come through our own channels into the user's artefact cache, so
that a second test run, and a benchmark, find them there.
"""

import gc
import json
import os
import shutil
import signal
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from functools import cache
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest

from bench_pipeline.engines.builds.releases import RELEASES_API
from bench_pipeline.fetching.wheels import sha256_of
from bench_pipeline.harness.rig_lock import LOCK_VARIABLE
from bench_pipeline.inventory.identity import this_rig
from bench_pipeline.paths import Project, artefact_cache, checkout
from bench_pipeline.processes import usable_cores
from bench_pipeline.records.model import ModelFile, ModelPart
from bench_pipeline.records.rig import BackendSetup, Rig
from bench_pipeline.records.yaml.files import read_engines, read_what_can_be
from bench_pipeline.records.yaml.model_files import read_models
from tests.engines.llama_cpp.cutting import first_layers
from tests.once import once

WHOLE_MODEL = "smollm2-135m-instruct-q4_1"
LAYERS = 2
"""Of 30 that the small model keeps: a token costs a quarter, a prompt a tenth."""
SMALL_MODEL = f"{WHOLE_MODEL}-cut{LAYERS}"
ACTIVATED = ". .venv/bin/activate; dagster asset materialize --select site_pages"


def pytest_configure(config: pytest.Config) -> None:
    """A rig's lock for this process and all that it starts: the machine's own belongs to real
    benchmarks, and tests in other processes have theirs."""
    folder = tempfile.mkdtemp(prefix="bench_pipeline-lock-")
    config.add_cleanup(lambda: shutil.rmtree(folder, ignore_errors=True))
    # Nobody answers there: the newest build is the newest of the package index.
    os.environ[RELEASES_API] = "http://127.0.0.1:9"
    os.environ[LOCK_VARIABLE] = str(Path(folder) / "rig.lock")
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        # As a shell starts a suite in the background. Programs that tests start would inherit
        # it and be deaf to Ctrl-C; a handler that does nothing is not inherited.
        signal.signal(signal.SIGINT, lambda *_: None)


def pytest_unconfigure() -> None:
    """Definitions were loaded here beside all that tests hold: what DuckDB finds held by it as the
    process ends it would call leaks, page after page."""
    gc.unfreeze()


@pytest.hookimpl(optionalhook=True)  # where xdist is left out
def pytest_xdist_auto_num_workers() -> int:
    """As many as there are cores: with one more the suite took as long on two, and disturbed what
    measures."""
    return usable_cores()


MEASURES = (
    *("cli/test_bench", "cli/test_first_hour", "cli/test_two_users", "faults/", "harness/test_run"),
    *("harness/test_session", "harness/test_spill", "harness/test_setups", "harness/long/"),
    *(
        "harness/test_other_engine",
        "harness/test_engines_together",
        "harness/carried/test_command",
        "defs/remote/",
    ),
    *("harness/client/test_real_streams", "engines/dialects/test_real_dasllama"),
)
"""Files that measure with a real engine and look at what came of it. One worker takes them all, so
that none disturbs another; and where the user may, they go before whatever else the machine does,
as a client that gets no processor is refused its times."""
AHEAD = -10
"""Of `nice`: nine times the share of a usual process."""
LONGEST_FIRST = (
    *MEASURES,
    *("defs/new_builds/test_with_the_daemon", "harness/", "engines/", "test_fresh_clone"),
    *("test_layers", "test_method", "defs/", "warehouse/"),
    *("site/charts/test_in_browser", "site/compare/test_in_browser", "site/"),
)
"""Else workers take whole files, in this order and then by name: what takes long begins early, what
starts a browser stays together, and at the end small files fill up."""


def _file(item: pytest.Item) -> str:
    return item.path.relative_to(Path(__file__).parent).as_posix()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    def place(item: pytest.Item) -> int:
        found = (n for n, start in enumerate(LONGEST_FIRST) if _file(item).startswith(start))
        return next(found, len(LONGEST_FIRST))

    items.sort(key=place)


@pytest.hookimpl(optionalhook=True)  # where xdist is left out
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    from xdist.scheduler import LoadFileScheduling

    class OneMeasures(LoadFileScheduling):
        def _split_scope(self, nodeid: str) -> str:
            file = super()._split_scope(nodeid)
            return "measures" if file.removeprefix("tests/").startswith(MEASURES) else file

    return OneMeasures(config, log)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    """Programs that the test starts, and those of its fixtures, have its priority."""
    if not _file(item).startswith(MEASURES):
        return (yield)
    usual = os.getpriority(os.PRIO_PROCESS, 0)
    with suppress(PermissionError):  # a user's own may only fall
        os.setpriority(os.PRIO_PROCESS, 0, AHEAD)
    try:
        return (yield)
    finally:
        os.setpriority(os.PRIO_PROCESS, 0, usual)


@cache
def _declared_by_make_bench() -> str:
    """Name of the rig file that `make bench` wrote into this checkout for this machine, if it did:
    a test's machine is no declared rig until the test declares it."""
    here = this_rig(read_what_can_be(Rig, checkout().rigs)[0])
    return f"{here.slug}.yaml" if here else ""


def without_runs(folder: Path) -> Project:
    """A checkout's content in `folder`, without any run or this machine's own rig."""
    project = Project(folder)
    ignored = shutil.ignore_patterns("runs", _declared_by_make_bench())
    shutil.copytree(checkout().content, project.content, ignore=ignored)
    project.runs.mkdir(parents=True)
    return project


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return without_runs(tmp_path / "checkout")


@pytest.fixture(scope="session")
def published_clone(
    tmp_path_factory: pytest.TempPathFactory,
) -> tuple[Path, CompletedProcess[str]]:
    """A clone in which the README's command for the page of the committed runs was typed, and what
    it said. To be read and not changed."""
    from tests.checkouts import copy_checkout, run_in
    from tests.cli.benching import with_environment

    def publish(folder: Path) -> None:
        clone = with_environment(copy_checkout(folder / "a clone"))
        done = run_in(clone, "sh", "-ec", ACTIVATED, PATH=os.defpath)
        (folder / "done.json").write_text(json.dumps(vars(done)))

    folder = once(tmp_path_factory, "published-clone", publish)
    return folder / "a clone", CompletedProcess(**json.loads((folder / "done.json").read_text()))


@pytest.fixture(scope="session")
def test_rig() -> Rig:
    """This machine, as a rig that no file declares."""
    return Rig(slug="test-rig", title="The machine under test", backends={"cpu": BackendSetup()})


@pytest.fixture(scope="session")
def engine(test_rig: Rig):
    """The newest build that this machine's CPU can run."""
    from bench_pipeline.engines.builds.catalogue import choose
    from bench_pipeline.engines.builds.host import this_host
    from bench_pipeline.engines.builds.install import install

    choice = choose(read_engines(checkout().engines), test_rig, "cpu", None, this_host())
    return install(choice, artefact_cache())


@pytest.fixture(scope="session")
def whole_model() -> tuple[ModelFile, Path]:
    """SmolLM2-135M, 98 MB, and where it lies."""
    from bench_pipeline.models.fetch import fetch_model

    model = read_models(checkout().models)[WHOLE_MODEL]
    return model, fetch_model(model, artefact_cache())


@pytest.fixture(scope="session")
def small_model(whole_model, tmp_path_factory) -> tuple[ModelFile, Path]:
    """The first layers of SmolLM2-135M, 36 MB, and where they lie: in the artefact cache, for
    processes that a test starts. All of its tokenizer, template and vocabulary; its words make
    no sense."""
    from bench_pipeline.models.fetch import fetch_model

    whole, path = whole_model
    name = "cut.gguf"
    cut = once(tmp_path_factory, "cut", lambda to: first_layers(path, to / name, LAYERS)) / name
    model = whole.model_copy(
        update={
            "slug": SMALL_MODEL,
            "variant": "135M-Instruct, cut",
            "file_name": name,
            "sha256": sha256_of(cut),
            "size_bytes": cut.stat().st_size,
        }
    )
    here = {"parts": [ModelPart(source=f"file:{cut}")]}  # which no run file is to name
    return model, fetch_model(model.model_copy(update=here), artefact_cache())
