"""What is said of figures from elsewhere that fit a queue: the rule is `measures.queueing`."""

import json
from collections import defaultdict

from bench_pipeline.importers.formats.guidellm import PROGRAM as GUIDELLM
from bench_pipeline.measures.queueing import AS_FAST, LATE, NO_MORE, Queue, queues
from bench_pipeline.records.cell import Cell, PrintedFigure, Published
from bench_pipeline.site import wording
from bench_pipeline.site.source import Row, Tables

_ONE = ("model", "rig", "backend", "engine", "build", "mode", "power_cap_w", "settings_json")
"""Columns of `runs` that make a configuration."""


def queues_said(tables: Tables) -> dict[str, tuple[str, ...]]:
    """By run_id, a sentence for each shape and number of streams of its configuration that fits a
    queue; runs of none are not there."""
    titles = {work["workload"]: work["title"] for work in tables.workloads}
    cells: dict[str, list[Row]] = defaultdict(list)
    for cell in tables.measurements:
        if cell["provenance"] != "measured" and cell["decode_tok_s"]:
            cells[cell["run_id"]].append(cell)
    groups: dict[tuple[object, ...], list[Row]] = defaultdict(list)
    for run in tables.runs:
        if run["provenance"] != "measured" and run["printed_json"]:
            said = json.loads(run["printed_json"])
            source = said.get("program") or (run["source_title"], run["source_url"])
            groups[(*(run[column] for column in _ONE), source)].append(run)
    found: dict[str, tuple[str, ...]] = {}
    for runs in groups.values():
        figures = [figure for run in runs for figure in _figures(run)]
        beside = [_cell(cell) for run in runs for cell in cells[run["run_id"]]]
        sentences = tuple(
            _sentence(titles.get(label, label), queue) for label, queue in queues(figures, beside)
        )
        if sentences:
            found |= {run["run_id"]: sentences for run in runs}
    return found


def _figures(run: Row) -> list[PrintedFigure]:
    said = json.loads(run["printed_json"])
    found = [PrintedFigure.model_validate(figure) for figure in said["figures"]]
    if said.get("program") != GUIDELLM:
        return found
    # its label is how requests were sent, and differs with their number
    return [figure.model_copy(update={"label": None}) for figure in found]


def _cell(row: Row) -> Cell:
    return Cell(
        workload=row["workload"],
        concurrency=row["concurrency"],
        published=Published(decode_tok_s=row["decode_tok_s"]),
    )


def _sentence(label: str, queue: Queue) -> str:
    """With the figures, and each rule's bound."""
    alone, many = queue.alone, queue.many
    streams = many.streams
    signs = []
    if queue.as_fast is not None:
        signs.append(
            f"each decodes at {wording.decimal(many.decode_tok_s)} tok/s, "
            f"{queue.as_fast:.2f} of the {wording.decimal(alone.decode_tok_s)} of one alone "
            f"(from {AS_FAST:g} on it is as fast)"
        )
    if queue.late is not None:
        came = (
            f"the first token comes after {wording.decimal(many.ttft_ms)} ms"
            if many.ttft_ms is not None
            else f"a request takes {wording.decimal(many.latency_ms)} ms"
        )
        signs.append(
            f"{came}, {queue.late:.1f} times a whole request alone later than reading {streams} "
            f"prompts one after another explains (from {LATE:g} on it waited for replies)"
        )
    if queue.together is not None:
        signs.append(
            f"all together give {wording.decimal(many.aggregate_tok_s)} tok/s, "
            f"{queue.together:.2f} times one stream (up to {NO_MORE:g} it is no more than one)"
        )
    return (
        f"{label + ' at' if label else 'At'} {streams} streams fits requests that wait for a free "
        f"slot, not {streams} streams at once: {wording.listed(signs)}."
    )
