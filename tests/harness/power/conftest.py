"""Two cards of a stand-in for NVML, as this process and all that it starts see them."""

from pathlib import Path
from types import ModuleType

import pynvml
import pytest

from bench_pipeline.harness.power import capped
from bench_pipeline.harness.power import cards as cards_module
from bench_pipeline.harness.rig_lock import LOCK_VARIABLE
from bench_pipeline.records.devices import Gpu
from tests.harness.power import stand_in
from tests.harness.power.owners import Cards


def with_stand_in() -> ModuleType:
    """The real binding, whose questions and answers are the stand-in's."""
    made = ModuleType("pynvml")
    own = {name: it for name, it in vars(stand_in).items() if name.startswith("nvml")}
    vars(made).update(vars(pynvml) | own)
    return made


@pytest.fixture
def cards(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Cards:
    made = Cards(tmp_path)
    monkeypatch.setenv(stand_in.VARIABLE, str(made.file))
    monkeypatch.setenv(LOCK_VARIABLE, str(made.lock))
    monkeypatch.syspath_prepend(str(tmp_path))  # for the guard
    monkeypatch.setattr(cards_module, "pynvml", with_stand_in())
    monkeypatch.setattr(capped, "SETTLE_S", 0.02)
    monkeypatch.setattr(capped, "LOOK_S", 0.02)
    return made


def gpus(cards: Cards) -> list[Gpu]:
    return [
        Gpu(index=n, vendor="nvidia", name="RTX 3090", pcie_address=address, power_cap_w=300)
        for n, address in enumerate(cards.addresses)
    ]
