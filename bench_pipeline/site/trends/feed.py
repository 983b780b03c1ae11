"""The Atom feed (RFC 4287) of flagged steps.

Addresses are relative, as the site knows none of its own; ids are made from what a step is, so
that a reader who has seen it is not shown it again when it was measured once more.
"""

import uuid
import xml.etree.ElementTree as ET
from collections.abc import Sequence
from datetime import UTC, datetime

from bench_pipeline.site.charts.svg import printable
from bench_pipeline.site.source import Row
from bench_pipeline.site.trends.series import Step

PATH = "feed.xml"
MAX_ENTRIES = 100

_ATOM = "http://www.w3.org/2005/Atom"
_IDS = uuid.UUID("5d1f0c52-9c6f-5c0f-8f3c-3d0a6c1b7e42")
"""Namespace of the ids. Changed, it would show every reader everything again."""
_NEVER = datetime(1970, 1, 1)


def feed(steps: Sequence[Step], runs: Sequence[Row]) -> bytes:
    """`steps`: the newest first; `runs`: of the table, which give a feed without steps its time."""
    ET.register_namespace("", _ATOM)
    started = sorted((run["started_at"], run["run_id"]) for run in runs if run["started_at"])
    root = ET.Element(f"{{{_ATOM}}}feed")
    _text(root, "title", "Token speeds: what new builds changed")
    _text(root, "subtitle", "Steps between two llama.cpp builds measured in turns on one machine.")
    # a site is known by its oldest run: two sites of this code are two feeds
    _text(root, "id", _urn("feed", started[0][1] if started else ""))
    _text(root, "updated", _time(steps[0].at if steps else started[-1][0] if started else _NEVER))
    _link(root, "self", PATH, "application/atom+xml")
    _link(root, "alternate", "trends.html", "text/html")
    _text(ET.SubElement(root, f"{{{_ATOM}}}author"), "name", "Token speeds")
    for step in steps[:MAX_ENTRIES]:
        root.append(_entry(step))
    ET.indent(root)
    return ET.tostring(root, encoding="utf-8", xml_declaration=True) + b"\n"


def _entry(step: Step) -> ET.Element:
    entry = ET.Element(f"{{{_ATOM}}}entry")
    place = f"{step.rig_title}, {step.backend_name}"
    _text(entry, "title", f"{step.build}: {step.metric} {step.verdict.words}, {step.name}, {place}")
    _text(entry, "id", _urn("step", *step.key))
    _text(entry, "updated", _time(step.at))
    _link(entry, "alternate", step.href, "text/html")
    if step.changes_href:
        _link(entry, "related", step.changes_href, "text/html")
    said = (
        f"{step.name} on {place}, {step.cell}: with {step.build}, {step.metric} is "
        f"{step.verdict.text} than with {step.before}, measured in turns in one session."
    )
    _text(entry, "summary", f"{said} {step.caution}." if step.caution else said)
    return entry


def _text(parent: ET.Element, name: str, words: str) -> None:
    ET.SubElement(parent, f"{{{_ATOM}}}{name}").text = printable(words)


def _link(parent: ET.Element, relation: str, href: str, kind: str) -> None:
    ET.SubElement(parent, f"{{{_ATOM}}}link", {"rel": relation, "href": href, "type": kind})


def _urn(*parts: str) -> str:
    return uuid.uuid5(_IDS, "\n".join(parts)).urn


def _time(when: datetime) -> str:
    """UTC, as the warehouse has it."""
    return when.replace(tzinfo=UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
