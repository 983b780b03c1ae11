"""A plan is worked off on the machine that it means."""

import pytest

from bench_pipeline.errors import BenchError, RigError
from bench_pipeline.harness.carried.folder import OutFolder
from bench_pipeline.harness.carried.machine import machine_of
from bench_pipeline.inventory.identity import identify
from bench_pipeline.progress import Silent
from bench_pipeline.records.plan import Plan
from bench_pipeline.records.yaml.declared import known_rig
from tests.harness.carried.conftest import RIG


def of(plan: Plan, **rig) -> Plan:
    return plan.model_copy(update={"rig": RIG.model_copy(update=rig)})


def test_the_machine_whose_identity_the_plan_has_is_known(out: OutFolder, plan: Plan):
    rig = machine_of(of(plan, machine_id=identify().machine_id), out.home, None, Silent())
    assert rig == known_rig(out.home.rigs, "bare")


def test_another_machine_is_refused(out: OutFolder, plan: Plan):
    with pytest.raises(RigError, match=r"another machine[\s\S]*make the plan again"):
        machine_of(of(plan, machine_id="0" * 16), out.home, "bare", Silent())


def test_a_rig_without_identity_is_asked_for_once(out: OutFolder, plan: Plan):
    with pytest.raises(RigError, match="say so once: --this-is bare"):
        machine_of(plan, out.home, None, Silent())
    rig = machine_of(plan, out.home, "bare", Silent())
    assert rig.machine_id == identify().machine_id
    assert rig.backends == RIG.backends
    assert machine_of(plan, out.home, None, Silent()) == rig


def test_a_plan_for_another_is_not_this_one_s(out: OutFolder, plan: Plan):
    with pytest.raises(RigError, match="said to be `other`, the plan is for `bare`"):
        machine_of(plan, out.home, "other", Silent())


def test_a_machine_that_nobody_declared_declares_itself_by_the_plan_s_name(
    out: OutFolder, plan: Plan
):
    new = Plan.model_validate({**plan.model_dump(), "rig": None, "new_rig": "tin-box-2"})
    rig = machine_of(new, out.home, None, Silent())
    assert (rig.slug, rig.machine_id) == ("tin-box-2", identify().machine_id)
    assert "cpu" in rig.backends
    assert machine_of(new, out.home, None, Silent()) == rig


def test_a_file_there_that_is_another_machine_s_is_refused(out: OutFolder, plan: Plan):
    machine_of(plan, out.home, "bare", Silent())
    file = out.home.rigs / "bare.yaml"
    file.write_text(file.read_text().replace(identify().machine_id, "f" * 16))
    with pytest.raises(BenchError, match="another machine"):
        machine_of(plan, out.home, None, Silent())
