"""Files that nobody writes by hand: each is told with its mend, none stops or swallows anything."""

import os
import re
from pathlib import Path
from typing import Any

import pytest

from bench_pipeline.records.base import LARGEST_COUNT
from bench_pipeline.records.rig import Rig
from bench_pipeline.records.run import SEAL, Run
from bench_pipeline.records.workload import Workload
from bench_pipeline.records.yaml.files import dump_record, parse_record, read_what_can_be
from tests.records.yaml.test_reading import parse


@pytest.mark.parametrize(
    "tagged",
    [
        *("!!bool maybe", "!!set [a]", "!!map [1]", "!!binary x", "!!omap [a]", "!!int {}"),
        *("!!seq a", "!!timestamp x", "!!timestamp 9999-99-99", "!!float x", "!!null [a]"),
        *("!mine a", "!!pairs a"),
    ],
)
def test_a_tag_that_no_plain_value_has_is_told_with_its_line(tagged: str) -> None:
    error = parse(f"title: Box\nnotes: {tagged}\n")
    assert error.where == "rigs/box.yaml:2"
    assert "not valid YAML" in error.problem


@pytest.mark.parametrize(
    "moment", ["9999-12-31T23:59:59-12:00", "0001-01-01T00:00:00+12:00", "1970-01-01T00:00:00Z"]
)
def test_a_time_that_no_clock_here_can_show_is_refused(run: Run, moment: str) -> None:
    text = re.sub("captured_at: .*", f"captured_at: '{moment}'", dump_record(run))
    assert (
        "inventory.captured_at: no time"
        in parse(re.sub(f"{SEAL}: .*\n", "", text), Run, "run.yaml").problem
    )


def test_what_is_no_plain_file_is_told_without_waiting_for_it(tmp_path: Path) -> None:
    pipe, link, device = (tmp_path / f"{name}.yaml" for name in ("pipe", "link", "device"))
    os.mkfifo(pipe)
    link.symlink_to(tmp_path / "nowhere")
    device.symlink_to("/dev/zero")
    (tmp_path / "swap.yaml").mkdir()
    (tmp_path / "old.YML").write_text("title: Box\n")
    (tmp_path / ".#swap.yaml").symlink_to("me@host.123:4")  # Emacs, while the file is open
    with (tmp_path / "sparse.yaml").open("wb") as file:
        file.truncate(2**33)
    (tmp_path / os.fsdecode(b"\xff.yaml")).write_text("title: Box\n")
    read, broken = read_what_can_be(Rig, tmp_path)
    assert read == {}
    told = {error.problem for error in broken}
    assert told == {
        "is no plain file but a device or a pipe",
        "is a link to nothing",
        "is a folder",
        "is not read: its name ends in .YML",
        "has more than 16 MiB, which no record has",
        "its name is no text that can be shown",
    }
    assert all(error.mend and str(error).encode() for error in broken)


def changed(run: Run, change: Any) -> Run:
    document = run.model_dump()
    change(document)
    return Run.model_validate(document)


def in_first_request(**what: Any) -> Any:
    return lambda d: d["cells"][0]["requests"][0].update(what)


@pytest.mark.parametrize(
    "change",
    [
        in_first_request(prompt_tokens=LARGEST_COUNT + 1),
        in_first_request(decode_ms=1e-308),
        in_first_request(ttft_ms=1e300),
        in_first_request(cached_tokens=10**6),
        lambda d: d["engine"].update(build=""),
        lambda d: d["engine"].update(build=" \u202e "),
        lambda d: d["engine"].update(name=""),
        lambda d: d["model"].update(family="\n"),
        lambda d: d["model"].update(family="x" * 20_000),
        lambda d: d["model"].update(licence="x" * 20_000),
        lambda d: d["model"].update(parameters=10**30),
        lambda d: d["inventory"]["cpu"].update(logical_cores=2**31),
        lambda d: d["servers"][0].update(log_proof=["x"] * 5000),
        lambda d: d["cells"][0].update(requests=d["cells"][0]["requests"] * 4000),
        lambda d: d.update(
            bare_engine={
                "tests": [{"prompt_tokens": 1, "output_tokens": 0, "times_ms": [1.0] * 100_000}]
            }
        ),
    ],
)
def test_what_no_table_and_no_page_can_hold_is_refused(run: Run, change: Any) -> None:
    with pytest.raises(ValueError):
        changed(run, change)


def test_a_cell_names_servers_that_the_run_has_whatever_its_provenance(run: Run) -> None:
    def imported(document: dict) -> None:
        source = {"title": "x", "url": "https://x"}
        document.update(provenance="imported", source=source, servers=[])

    with pytest.raises(ValueError, match="none of the run's `servers`"):
        changed(run, imported)


def test_a_session_s_cell_needs_the_waves_that_it_is_judged_by(run: Run) -> None:
    def in_session(document: dict) -> None:
        builds = [document["engine"]["build"], "b1"]
        document["session"] = {
            "session_id": "0123456789ab",
            "builds": builds,
            "blocks": builds,
            "ended": "known",
        }
        for cell in document["cells"]:
            cell["waves"] = []

    with pytest.raises(ValueError, match="needs its waves"):
        changed(run, in_session)


@pytest.mark.parametrize("key", ["prompt_tokens", "order", "output_tokens"])
def test_a_workload_s_numbers_fit_the_tables(key: str) -> None:
    keys = {"prompt_tokens": 30, "order": 1, "output_tokens": 30, "quick_output_tokens": 20}
    text = "".join(f"{name}: {n}\n" for name, n in {**keys, key: 3_000_000_000}.items())
    problem = parse(f"title: t\nexplanation: e\nbody: x\n{text}", Workload, "big.yaml").problem
    assert problem.startswith(f"{key}: ")


def test_a_prompt_of_nothing_is_none() -> None:
    text = "title: t\norder: 1\nexplanation: e\nprompt_tokens: 30\noutput_tokens: 30\n"
    text += "quick_output_tokens: 20\nbody: ' '\n"
    assert parse(text, Workload, "chat.yaml").problem.startswith("body: ")
    assert parse_record(Workload, text.replace("' '", "x").encode(), Path("chat.yaml"))
