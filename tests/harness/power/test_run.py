"""A run under a cap that is set for it: what lands in its file."""

from dataclasses import replace

import pytest

from bench_pipeline.errors import RigError
from bench_pipeline.harness import measurement
from bench_pipeline.harness import run as run_module
from bench_pipeline.harness.run import measure_run
from bench_pipeline.inventory.capture import capture_inventory
from bench_pipeline.records.inventory import EngineDevice
from bench_pipeline.records.yaml.files import read_run
from tests.harness.power import stand_in
from tests.harness.power.conftest import with_stand_in
from tests.harness.power.owners import ASKED_W, FOUND_W, ONE, OTHER, Cards


@pytest.fixture
def begun(cards: Cards, short_project, item, engine, small_model, test_rig, monkeypatch):
    """Begins a run on both cards: it fails, as the engine has no such device, and is a result."""
    monkeypatch.setattr(
        measurement,
        "capture_inventory",
        lambda devices: capture_inventory(devices, nvml=with_stand_in()),
    )
    monkeypatch.setattr(measurement, "wait_until_quiet", lambda *_, **__: None)
    devices = [
        EngineDevice(id=f"CUDA{n}", name="NVIDIA GeForce RTX 3090", pcie_address=address)
        for n, address in enumerate((ONE, OTHER))
    ]
    setup = test_rig.backends["cpu"].model_copy(update={"device": "CUDA0,CUDA1"})
    model, model_path = small_model
    pieces = {
        "project": short_project,
        "rig": test_rig.model_copy(update={"backends": {"cuda": setup, "cpu": setup}}),
        "engine": replace(engine, devices=devices),
        "model": model,
        "model_path": model_path,
    }
    asked = replace(item, backend="cuda", power_cap_w=ASKED_W)
    return lambda **changes: measure_run(replace(asked, **changes), **pieces)


def test_the_run_file_says_what_was_found_asked_and_read_back(cards: Cards, begun):
    run, path = begun()
    assert run.status == "failed" and read_run(path) == run
    assert [(c.pcie_address, c.found_w, c.read_back_w) for c in run.power_cap.cards] == [
        (ONE, FOUND_W, ASKED_W),
        (OTHER, FOUND_W, ASKED_W),
    ]
    assert (run.power_cap.asked_w, run.power_cap.by) == (ASKED_W, "nvml")
    assert [gpu.power_cap_w for gpu in run.inventory.gpus] == [ASKED_W, ASKED_W]
    assert cards.caps_w() == [FOUND_W, FOUND_W]


def test_where_the_cap_cannot_be_set_nothing_is_written(cards: Cards, begun, short_project):
    stand_in.change(ONE, refuses=4)
    with pytest.raises(RigError, match="this user may not set"):
        begun()
    with pytest.raises(RigError, match="no power cap can be set: it computes on no card"):
        begun(backend="cpu")
    assert list(short_project.runs.rglob("*.yaml")) == []


def test_a_cap_that_was_changed_meanwhile_leaves_no_file(
    cards: Cards, begun, short_project, monkeypatch
):
    make = run_module.Measurement.make

    def changed(self, reporter):
        made = make(self, reporter)
        stand_in.change(OTHER, cap_mw=250_000)
        return made

    monkeypatch.setattr(run_module.Measurement, "make", changed)
    with pytest.raises(RigError, match="somebody set the card"):
        begun()
    assert list(short_project.runs.rglob("*.yaml")) == []
    assert cards.caps_w() == [FOUND_W, FOUND_W]
