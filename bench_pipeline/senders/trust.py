"""Whose runs are ranked: the owner's own, and those of senders whom the owner knows.

A **stranger's** run is shown and marked, stands behind every other, and nothing is judged by it.
The owner decides in content/: a rig's `owner` and `public_key`, the site's `known_senders`.
"""

from collections.abc import Collection


def why_stranger(
    submitted_by: str | None,
    signed_by: str | None,
    owner: str | None,
    public_key: str | None,
    known_senders: Collection[str],
) -> str | None:
    """What makes a measured run a stranger's; None for one that is ranked.

    submitted_by, signed_by   of the run file; the signature is proven already
    owner, public_key         of its rig's file; None: the site's owner, no key
    """
    if submitted_by != owner:
        sent = f"{submitted_by} sent it" if submitted_by else "nobody is said to have sent it"
        return f"{sent}, its machine is {f'that of {owner}' if owner else 'the site owner’s'}"
    if owner is not None and owner not in known_senders:
        return f"{owner} is none of the known senders"
    if public_key is not None and signed_by != public_key:
        return "it is signed with another key than its machine's" if signed_by else "it is unsigned"
    return None
