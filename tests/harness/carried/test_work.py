"""What a plan wants is made once, whatever comes between; what cannot be made stops nothing."""

from pathlib import Path

import pytest

from bench_pipeline.errors import ModelError
from bench_pipeline.harness.carried.folder import OutFolder
from bench_pipeline.harness.carried.sums import read_sums
from bench_pipeline.harness.carried.work import Worked, work_off
from bench_pipeline.harness.run import Made
from bench_pipeline.progress import Silent
from bench_pipeline.records.cell import Failure
from bench_pipeline.records.plan import Plan
from bench_pipeline.records.yaml.files import write_run
from tests.harness.carried.conftest import OTHER, RIG, SMALL
from tests.harness.carried.test_folder import visible


class Maker:
    """Makes runs as the harness does, without measuring: `ends` says what comes of a model."""

    def __init__(self, run_of, **ends) -> None:
        self.run_of, self.ends, self.asked = run_of, ends, []

    def __call__(self, item, *, project, rig, cache, reporter) -> Made:
        self.asked.append(item)
        end = self.ends.get(item.model.split("-")[0])
        if isinstance(end, BaseException):
            log = project.runs / rig.slug / item.backend / "20261127T000000Z-0-0.server.log"
            log.parent.mkdir(parents=True, exist_ok=True)
            log.write_text("load")
            raise end
        run = self.run_of(item, **(end or {}))
        return [(run, write_run(run, project.runs))]


@pytest.fixture
def work(plan: Plan, out: OutFolder, run_of, tmp_path: Path):
    def done(**ends) -> tuple[Worked, Maker]:
        make = Maker(run_of, **ends)
        folder = tmp_path / "files"
        worked = work_off(
            plan, RIG, out, cache=folder, carried=folder, reporter=Silent(), make=make
        )
        return worked, make

    return done


def test_all_that_is_wanted_is_made_in_its_order_and_once(work, out: OutFolder):
    worked, make = work()
    assert make.asked == [SMALL, OTHER]
    assert worked.is_done and len(worked.made) == 2 and worked.there == []
    assert sorted(read_sums(out.root)) == [p.relative_to(out.root).as_posix() for p in worked.made]
    again, make = work()
    assert make.asked == []
    assert again.is_done and again.there == worked.made and again.made == []


def test_what_cannot_be_made_is_named_and_the_next_is_made(work, out: OutFolder):
    gone = ModelError("nobody has it", mend="carry it here")
    worked, make = work(smollm2=gone)
    assert make.asked == [SMALL, OTHER]
    assert worked.not_made == [(SMALL, gone)]
    assert len(worked.made) == 1 and not worked.is_done
    worked, make = work()
    assert make.asked == [SMALL]
    assert worked.is_done


def test_an_interrupt_keeps_what_is_whole_and_goes_on_there(work, out: OutFolder):
    with pytest.raises(KeyboardInterrupt):
        work(gemma=KeyboardInterrupt())
    assert len(visible(out.root)) == 2
    worked, make = work()
    assert make.asked == [OTHER]
    assert worked.is_done and len(read_sums(out.root)) == 2


def test_a_failed_run_is_kept_told_and_made_again_only_if_it_may_pass(work, out: OutFolder):
    ends = {"status": "failed", "cells": []}
    lasting = {**ends, "failure": Failure(kind="oom", message="too large")}
    passing = {**ends, "failure": Failure(kind="crash", message="died")}
    worked, _ = work(smollm2=lasting, gemma=passing)
    assert list(worked.failed.values()) == [["oom: too large"], ["crash: died"]]
    assert len(worked.made) == 2 and not worked.is_done
    worked, make = work()
    assert make.asked == [OTHER]
    assert list(worked.failed.values()) == [["oom: too large"]]


def test_a_backend_that_the_machine_has_not_is_named(work, plan: Plan, out: OutFolder, run_of):
    other = RIG.model_copy(update={"backends": {"vulkan": RIG.backends["cpu"]}})
    make = Maker(run_of)
    worked = work_off(
        plan, other, out, cache=out.root, carried=out.root, reporter=Silent(), make=make
    )
    assert make.asked == []
    assert [error.problem for _, error in worked.not_made] == [
        "the rig `bare` declares no backend `cpu`"
    ] * 2
