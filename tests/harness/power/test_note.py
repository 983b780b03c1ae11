"""What a benchmark that was killed with its guard leaves behind, and what the next makes of it."""

import os
from pathlib import Path

import pytest

from bench_pipeline.errors import RigError
from bench_pipeline.harness.power import cards as cards_module
from bench_pipeline.harness.power.capped import capped
from bench_pipeline.harness.power.cards import Card
from bench_pipeline.harness.power.note import Found, Notes, boot
from bench_pipeline.progress import Silent
from tests.harness.power import stand_in
from tests.harness.power.owners import ASKED_W, FOUND_W, OTHER, Cards
from tests.inventory.cards import ADDRESS, CARD
from tests.inventory.conftest import pci, tree

__all__ = ["pci", "tree"]


@pytest.fixture
def left(cards: Cards) -> Notes:
    """Of a run that had set both cards."""
    notes = Notes(cards.lock)
    known = tuple((Card("nvidia", address), FOUND_W) for address in cards.addresses)
    notes.write(Found("a" * 32, boot(), ASKED_W, known))
    for address in cards.addresses:
        stand_in.change(address, cap_mw=ASKED_W * 1000)
    return notes


def next_start(cards: Cards) -> None:
    with capped(None, lambda: [], None, Silent()):
        assert not cards.note.exists()


def test_the_next_start_puts_back_what_was_found(cards: Cards, left: Notes):
    next_start(cards)
    assert cards.caps_w() == [FOUND_W, FOUND_W]


def test_what_somebody_set_since_then_stays(cards: Cards, left: Notes):
    stand_in.change(OTHER, cap_mw=250_000)
    next_start(cards)
    assert cards.caps_w() == [FOUND_W, 250]


def test_a_note_of_another_boot_says_nothing_of_this_one(cards: Cards, left: Notes):
    found = left.read()
    left.write(Found(found.token, "another", found.asked_w, found.cards))
    next_start(cards)
    assert cards.caps_w() == [ASKED_W, ASKED_W]


def test_where_it_cannot_be_put_back_nothing_is_measured_and_the_note_stays(
    cards: Cards, left: Notes
):
    stand_in.change(OTHER, refuses=4)
    with pytest.raises(RigError, match="this user may not set"):
        next_start(cards)
    assert cards.caps_w() == [FOUND_W, ASKED_W]
    assert cards.note.exists()
    stand_in.change(OTHER, refuses=0)
    next_start(cards)
    assert cards.caps_w() == [FOUND_W, FOUND_W]


def test_a_guard_leaves_the_note_of_another_benchmark_alone(cards: Cards, left: Notes):
    assert left.put_back(None, token="b" * 32) == []
    assert cards.note.exists() and cards.caps_w() == [ASKED_W, ASKED_W]


@pytest.mark.parametrize("content", ["", "{}", '{"cards": 1}', '{"cards": []}', "\udcff"])
def test_a_note_that_cannot_be_read_is_named_and_kept(cards: Cards, content: str):
    cards.note.write_bytes(content.encode("utf-8", "surrogateescape"))
    with pytest.raises(RigError, match="it cannot be read"):
        next_start(cards)
    assert cards.note.exists()


def test_a_note_of_somebody_else_is_not_obeyed(cards: Cards, left: Notes, monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: cards.note.stat().st_uid + 1)
    monkeypatch.setattr(
        os, "fstat", lambda file: os.stat_result((0o100644, 0, 0, 1, 12345, *[0] * 5))
    )
    with pytest.raises(RigError, match="it is not of this user, nor of root"):
        left.read()


def test_a_link_in_the_notes_place_is_not_followed(cards: Cards, left: Notes, tmp_path: Path):
    cards.note.rename(tmp_path / "elsewhere")
    cards.note.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(RigError, match="note of a power cap"):
        left.read()


def test_a_lock_that_cannot_be_opened_is_named(cards: Cards, left: Notes):
    cards.lock.with_suffix(".cap-lock").mkdir()
    with pytest.raises(RigError, match=r"cannot be opened[\s\S]*it is made anew"):
        next_start(cards)


def test_amdgpus_cap_is_a_file_in_microwatts(pci, monkeypatch):
    monkeypatch.setattr(cards_module, "SYSTEM", pci(ADDRESS, CARD))
    card = Card("amd", ADDRESS)
    assert (card.cap_w(), card.limits(), card.enforced_w()) == (250, (294, 402), 250)
    card.set_w(300, None, 0)
    assert card.cap_file().read_text() == "300000000\n"
