"""A clock that stands still until it is set, a card on it, and /sys trees."""

import pytest

from bench_pipeline.harness.telemetry import renewal
from tests.harness.telemetry.card import Clock, live_card
from tests.inventory.cards import Nvml
from tests.inventory.conftest import pci, tree

__all__ = ["pci", "tree"]


@pytest.fixture(autouse=True)
def nothing_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """What one test finds out of a card is not known in the next."""
    monkeypatch.setattr(renewal, "found", found := {})
    monkeypatch.setattr("bench_pipeline.harness.telemetry.device.found", found)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def nvml(clock: Clock) -> Nvml:
    return live_card(clock)
