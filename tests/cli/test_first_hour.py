"""A person's first hour in a fresh clone: `make bench`, activate, the commands of the README, and
what `make ui` shows of all that in a real browser."""

import os
import re
import shutil
import signal
import socket
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import psutil
import pytest
from playwright.sync_api import Page

from tests.browser import chromium
from tests.checkouts import bare_environment, run_in
from tests.cli.benching import with_environment
from tests.waiting import PATIENCE_S, wait_until

ACTIVATED = ". .venv/bin/activate; dg launch --assets site_pages"
DAGSTERS_PAGE_S = 60
"""For each step there: what hangs is to be told soon, and not after all of our patience."""
LOCATION = "bench_pipeline.definitions"
GO_TO = "to => { history.pushState({}, '', to); dispatchEvent(new PopStateEvent('popstate')) }"
"""As a link inside the page does: its scripts, megabytes, are not read again."""
JOBS_RUNS = """
query ($job: String!) {
  pipelineOrError(params: {
    repositoryLocationName: "bench_pipeline.definitions", repositoryName: "__repository__",
    pipelineName: $job
  }) { ... on Pipeline { runs(limit: 9) { runId status assetSelection { path } } } }
}
"""
LINES = """
query ($run: ID!) {
  logsForRun(runId: $run) {
    ... on EventConnection { events { __typename ... on LogMessageEvent { message } } }
  }
}
"""
MATERIALIZATIONS = """
query {
  assetOrError(assetKey: {path: ["benchmark_runs"]}) {
    ... on Asset { assetMaterializations(limit: 9) {
      metadataEntries {
        __typename label
        ... on FloatMetadataEntry { floatValue }
        ... on MarkdownMetadataEntry { mdStr }
        ... on IntMetadataEntry { intValue }
      }
    } }
  }
}
"""


@pytest.fixture(scope="module")
def clone(benched: SimpleNamespace, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One in which `make bench` ran."""
    copy = tmp_path_factory.mktemp("first-hour") / "clone"
    shutil.copytree(benched.clone, copy, symlinks=True)
    return with_environment(copy)


@pytest.fixture(scope="module")
def ui(clone: Path) -> Iterator[str]:
    """Where `make ui` serves, with its code location loaded."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    address = f"http://127.0.0.1:{port}"
    log = clone / "ui.log"
    with log.open("wb") as out:
        make = subprocess.Popen(
            ["make", "ui", f"PORT={port}"],
            cwd=clone,
            env=bare_environment(),
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    def serves() -> bool:
        assert make.poll() is None, log.read_text()
        try:
            return httpx.get(f"{address}/server_info", timeout=30).is_success
        except httpx.TransportError:
            return False

    try:
        wait_until(serves, "make ui", log.read_text, look_s=0.3)
        yield address
    finally:
        below = psutil.Process(make.pid).children(recursive=True)
        os.killpg(make.pid, signal.SIGINT)  # as Ctrl-C in a terminal
        make.wait(PATIENCE_S)
        _, alive = psutil.wait_procs(below, timeout=20)
        for process in alive:
            process.kill()
    assert alive == []


@pytest.fixture(scope="module")
def page(ui: str) -> Iterator[Page]:
    with chromium(
        whole=True
    ) as browser:  # in one that never has windows this page was seen to hang
        context = browser.new_context(viewport={"width": 1350, "height": 900})
        context.set_default_timeout(DAGSTERS_PAGE_S * 1000)
        page = context.new_page()
        page.goto(f"{ui}/locations/{LOCATION}/jobs/measure/runs")
        yield page


@pytest.fixture(scope="module")
def ask(ui: str) -> Callable[..., Any]:
    """Dagster's answer to a query of its own page."""

    def asked(query: str, **variables: str) -> Any:
        asks = {"query": query, "variables": variables}
        answer = httpx.post(f"{ui}/graphql", json=asks, timeout=DAGSTERS_PAGE_S).json()
        assert "errors" not in answer, answer
        return answer["data"]

    return asked


def materializations(ask: Callable[..., Any]) -> list[SimpleNamespace]:
    """Of what was launched here, the newest first; committed runs are only said to be there."""
    found = []
    for one in ask(MATERIALIZATIONS)["assetOrError"]["assetMaterializations"]:
        told = {entry.pop("label"): entry for entry in one["metadataEntries"]}
        if "made just now" in told:
            found.append(
                SimpleNamespace(
                    made=told["made just now"]["intValue"],
                    table=told["speeds"]["mdStr"],
                    plotted={
                        label: entry["floatValue"]
                        for label, entry in told.items()
                        if entry["__typename"] == "FloatMetadataEntry"
                    },
                )
            )
    return found


def test_activated_the_readme_s_command_in_dg_builds_the_page(clone: Path) -> None:
    """The README names it beside the one that `test_fresh_clone` types."""
    index = clone / "site_out" / "index.html"
    index.unlink()
    done = run_in(clone, "sh", "-ec", ACTIVATED, PATH=os.defpath)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stderr.count("RUN_SUCCESS") == 1, done.stderr
    assert index.exists()


def test_the_run_stands_under_its_job_with_a_line_for_each_cell(
    page: Page, ask: Callable[..., Any]
) -> None:
    runs = ask(JOBS_RUNS, job="measure")["pipelineOrError"]["runs"]
    # the newest found everything there, and the one that was killed comes before
    measured = next(
        run
        for run in reversed(runs)
        if run["status"] == "SUCCESS" and run["assetSelection"] == [{"path": ["benchmark_runs"]}]
    )
    page.get_by_role("link", name=measured["runId"][:8]).first.click()
    page.get_by_placeholder("Filter…").fill("3 of 6")
    paced = r"\(3 of 6(, about \d+ s left)?\)"  # of less than a second nothing is said
    line = page.get_by_text(re.compile(rf"short, 4 streams: [\d.,]+ tok/s each {paced}"))
    line.first.wait_for()
    events = ask(LINES, run=measured["runId"])["logsForRun"]["events"]
    told = [event["message"] for event in events if event["__typename"] == "LogMessageEvent"]
    cells = [line for line in told if re.match(r"short(er)?, \d streams?: [\d.,]+ tok/s ", line)]
    assert [re.findall(r"\((\d) of 6", line) for line in cells] == [["1"], ["2"], ["3"], ["4"]]


def test_the_asset_has_its_table_and_its_plots_and_keeps_them_when_nothing_is_left_to_do(
    page: Page, ask: Callable[..., Any]
) -> None:
    second, first = materializations(ask)
    assert (first.made, second.made) == (1, 0)
    assert second.table.count("\n| short") == 4
    assert len(second.plotted) == 2
    assert (second.table, second.plotted) == (first.table, first.plotted)
    page.evaluate(GO_TO, "/assets/benchmark_runs?view=events")
    page.get_by_role("row", name=re.compile(r"shorter\s+4\s+\d")).first.wait_for()


def test_only_its_own_pages_may_change_anything(ui: str) -> None:
    image = {"query": "mutation { __typename }"}
    assert httpx.get(f"{ui}/graphql", params=image, timeout=30).status_code == 403
    elsewhere = {"Origin": "http://evil.example"}
    ask = {"query": "{ __typename }"}
    assert httpx.post(f"{ui}/graphql", json=ask, timeout=30).status_code == 200
    asked = httpx.post(f"{ui}/graphql", json=ask, headers=elsewhere, timeout=30)
    assert asked.status_code == 403
