"""A power cap is set for a run and as found after it; where that cannot be, nothing is measured."""

import os
from collections.abc import Sequence
from contextlib import AbstractContextManager

import pytest

from bench_pipeline.errors import RigError
from bench_pipeline.harness.power import capped as module
from bench_pipeline.harness.power.__main__ import main
from bench_pipeline.harness.power.capped import Cap, capped
from bench_pipeline.progress import Silent
from bench_pipeline.records.devices import CappedCard, Gpu
from bench_pipeline.records.rig import Rig
from tests.harness.power import stand_in
from tests.harness.power.conftest import gpus
from tests.harness.power.owners import ASKED_W, FOUND_W, ONE, OTHER, Cards, guards_of
from tests.waiting import wait_until

NO_PERMISSION, NOT_SUPPORTED = 4, 3
"""NVML's own numbers."""
AS_FOUND = [FOUND_W, FOUND_W]


def holding(
    cards: Cards, watts: float | None = ASKED_W, command: Sequence[str] | None = None
) -> AbstractContextManager[Cap | None]:
    return capped(watts, lambda: gpus(cards), command, Silent())


def refused(cards: Cards, watts: float = ASKED_W, command: Sequence[str] | None = None) -> str:
    """Why nothing is measured; the cap is as it was found, and nothing else is left."""
    with pytest.raises(RigError) as error, holding(cards, watts, command):
        raise AssertionError("it would have been measured")
    assert cards.caps_w() == AS_FOUND
    assert not cards.note.exists()
    return str(error.value)


def test_every_card_is_set_for_the_run_and_as_found_after_it(cards: Cards):
    with holding(cards) as cap:
        assert cap is not None
        assert cards.caps_w() == [ASKED_W, ASKED_W]
        assert cards.note.exists()
        cap.check()
    assert cap.record.by == "nvml"
    assert cap.record.cards == [
        CappedCard(pcie_address=address, found_w=FOUND_W, read_back_w=ASKED_W)
        for address in (ONE, OTHER)
    ]
    assert cards.caps_w() == AS_FOUND
    assert not cards.note.exists()


@pytest.mark.parametrize("error", [KeyboardInterrupt, RigError("p", mend="m")])
def test_a_run_that_fails_or_is_interrupted_leaves_the_cap_as_found(cards: Cards, error):
    with pytest.raises(type(error) if isinstance(error, Exception) else error), holding(cards):
        raise error
    assert cards.caps_w() == AS_FOUND


def test_without_a_cap_no_card_is_asked(cards: Cards):
    cards.file.unlink()
    with holding(cards, None) as cap:
        assert cap is None


@pytest.mark.parametrize("watts", [99.0, 351.0])
def test_a_cap_outside_the_cards_limits_is_refused_with_them(cards: Cards, watts: float):
    assert f"{watts:g} W is outside of what the card at {ONE} takes: 100 to 350 W" in refused(
        cards, watts
    )


def test_without_permission_the_mend_says_who_may(cards: Cards):
    stand_in.change(OTHER, refuses=NO_PERMISSION)  # the first is set by then
    told = refused(cards)
    assert f"this user may not set the power cap of the card at {OTHER}" in told
    assert "power_cap_command: [sudo, -n, nvidia-smi" in told


def test_a_card_without_a_cap_is_refused(cards: Cards):
    stand_in.change(ONE, refuses=NOT_SUPPORTED)
    assert "it has none that can be set, says NVML" in refused(cards)


def test_a_cap_that_the_driver_undercuts_is_not_measured(cards: Cards, monkeypatch):
    monkeypatch.setattr(module, "SETTLE_LIMIT_S", 0.1)
    stand_in.change(ONE, holds_mw=150_000)
    assert f"the card at {ONE} was set to 200 W, and its driver holds it to 150 W" in refused(cards)


def test_a_cap_that_somebody_changes_ends_the_run_and_is_as_found_again(cards: Cards):
    told = rf"somebody set the card at {OTHER} to 250 W"
    with pytest.raises(RigError, match=told), holding(cards) as cap:
        stand_in.change(OTHER, cap_mw=250_000)
        wait_until(lambda: cap._problem, "the look at the caps")
        stand_in.change(OTHER, cap_mw=200_000)  # it is seen all the same
        with pytest.raises(RigError, match=told):
            cap.check()
    assert cards.caps_w() == AS_FOUND


def test_the_rig_files_command_sets_it_in_the_drivers_place(cards: Cards):
    for address in cards.addresses:
        stand_in.change(address, refuses=NO_PERMISSION)
    with holding(cards, 250.5, cards.command(0)) as cap:
        assert cards.caps_w() == [250.5, 250.5]
        assert cap.record.by == "command"
    assert cards.caps_w() == AS_FOUND


def test_a_command_that_fails_is_told_in_its_own_words(cards: Cards):
    why = "sudo: a password is required"
    told = refused(cards, command=["sh", "-c", f"echo {why} >&2; exit {{w}}"])
    assert why in told
    assert "`nothing-like-it`: [Errno 2]" in refused(cards, command=["nothing-like-it", "{w}"])


def test_a_command_that_sets_nothing_is_found_out(cards: Cards):
    assert "was set to 200 W and reads 300 W" in refused(cards, command=["true", "{w}"])


def test_a_command_without_watts_is_refused_in_the_rig_file():
    known = {"slug": "r", "title": "R", "backends": {"cuda": {}}}
    with pytest.raises(ValueError, match=r"neither \{w\} nor \{uw\}"):
        Rig.model_validate(known | {"power_cap_command": ["nvidia-smi"]})


def test_only_whole_cards_whose_driver_takes_caps_have_one(cards: Cards):
    arc = Gpu(index=0, vendor="intel", name="Arc B580", pcie_address=ONE, power_cap_w=190)
    for gpu in (arc, gpus(cards)[0].model_copy(update={"power_cap_w": None})):
        with pytest.raises(RigError, match=f"no power cap can be set for {gpu.name}"):
            module.cards_of([gpu])


def test_a_guard_that_is_killed_is_followed_by_another(cards: Cards):
    with holding(cards) as cap:
        (first,) = guards_of(os.getpid())
        first.kill()
        wait_until(
            lambda: [g.pid for g in guards_of(os.getpid()) if g.pid != first.pid], "another guard"
        )
        cap.check()
    assert cards.caps_w() == AS_FOUND
    assert guards_of(os.getpid()) == []


def test_check_says_what_would_be_taken_and_sets_nothing(cards: Cards, monkeypatch, capsys):
    for address in cards.addresses:
        stand_in.change(address, refuses=NO_PERMISSION)
    inventory = type("", (), {"gpus": gpus(cards)})
    monkeypatch.setattr(
        "bench_pipeline.harness.power.__main__.capture_inventory", lambda: inventory
    )
    assert main(["check", "250"]) == 0
    assert main(["check", "250", "400"]) == 1
    told = capsys.readouterr().out
    assert f"the card at {ONE}: 100 to 350 W\n  set 300 W, enforced 300 W\n  250 W lies" in told
    assert "400 W is outside" in told and "2 GPUs; nothing was set" in told
    assert cards.caps_w() == AS_FOUND
