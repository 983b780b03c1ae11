"""Whose runs are ranked."""

import pytest

from bench_pipeline.senders.trust import why_stranger

KNOWN = ["anna"]


@pytest.mark.parametrize(
    ("submitted_by", "signed_by", "owner", "public_key"),
    [
        (None, None, None, None),
        (None, "key", None, None),
        (None, "key", None, "key"),
        ("anna", None, "anna", None),
        ("anna", "key", "anna", "key"),
    ],
)
def test_the_owner_s_own_and_those_of_known_senders_are(
    submitted_by, signed_by, owner, public_key
) -> None:
    assert why_stranger(submitted_by, signed_by, owner, public_key, KNOWN) is None


@pytest.mark.parametrize(
    ("submitted_by", "signed_by", "owner", "public_key", "why"),
    [
        ("bert", None, None, None, "bert sent it, its machine is the site owner’s"),
        ("bert", None, "anna", None, "bert sent it, its machine is that of anna"),
        (None, None, "anna", None, "nobody is said to have sent it"),
        ("bert", None, "bert", None, "bert is none of the known senders"),
        ("anna", None, "anna", "key", "it is unsigned"),
        ("anna", "other", "anna", "key", "signed with another key"),
        (None, None, None, "key", "it is unsigned"),
    ],
)
def test_all_others_are_strangers_and_it_is_said_why(
    submitted_by, signed_by, owner, public_key, why
) -> None:
    assert why in (why_stranger(submitted_by, signed_by, owner, public_key, KNOWN) or "")
