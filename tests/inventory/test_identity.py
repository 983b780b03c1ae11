"""Which machine this is."""

import pytest

from bench_pipeline.errors import RigError
from bench_pipeline.inventory.identity import machine_id, this_rig
from bench_pipeline.records.rig import BackendSetup, Rig


def machine(identity: str, cpu: str = "A CPU") -> dict[str, str]:
    return {"etc/machine-id": identity, "proc/cpuinfo": f"processor : 0\nmodel name : {cpu}"}


def rig(slug: str, identity: str | None) -> Rig:
    return Rig(slug=slug, title=slug, machine_id=identity, backends={"cpu": BackendSetup()})


def test_a_machine_stays_itself():
    assert machine_id() == machine_id()


def test_the_identity_itself_cannot_be_read_from_the_hash(tree):
    root = tree(machine("3d1219c7c4c5404aaa1f6d2a48adfda4"))
    assert len(machine_id(root)) == 16
    assert machine_id(root) not in "3d1219c7c4c5404aaa1f6d2a48adfda4"


def test_another_machine_and_a_clone_on_other_hardware_are_others(tree):
    identities = set()
    for files in (machine("a" * 32), machine("b" * 32), machine("a" * 32, cpu="Another CPU")):
        identities.add(machine_id(tree(files)))
    assert len(identities) == 3


@pytest.mark.parametrize("content", ["", "uninitialized"])
def test_a_container_without_a_machine_id_keeps_one_of_its_own(
    tree, tmp_path, monkeypatch, content
):
    monkeypatch.setenv("BENCH_PIPELINE_CACHE", str(tmp_path / "cache"))
    root = tree(machine(content))
    first = machine_id(root)
    assert machine_id(root) == first
    monkeypatch.setenv("BENCH_PIPELINE_CACHE", str(tmp_path / "another"))
    assert machine_id(root) != first


def test_machines_that_share_a_cache_are_told_apart_by_name(tree, tmp_path, monkeypatch):
    monkeypatch.setenv("BENCH_PIPELINE_CACHE", str(tmp_path))
    root = tree(machine(""))
    names = iter(["one", "two"])
    monkeypatch.setattr("platform.node", lambda: next(names))
    assert machine_id(root) != machine_id(root)


def test_the_rig_with_this_machines_identity_is_this_rig():
    mine, other = rig("mine", machine_id()), rig("other", "0" * 16)
    assert this_rig({"other": other, "mine": mine}) == mine


def test_a_rig_without_an_identity_is_not_this_machine():
    assert this_rig({"any": rig("any", None)}) is None


def test_two_rigs_with_one_identity_are_refused():
    rigs = {slug: rig(slug, "f" * 16) for slug in ("one", "two")}
    with pytest.raises(RigError, match="`one` and `two` both have this machine's machine_id"):
        this_rig(rigs, "f" * 16)
