"""Conversations as tables: whole, and turn by turn."""

import pytest

from bench_pipeline.records.cell import Failure
from bench_pipeline.warehouse.refresh import refresh
from bench_pipeline.warehouse.rows.whole_run import rows_of
from tests.factories import measured_run
from tests.trace_factories import PROMPTS, trace
from tests.warehouse.given import Here, given


def told(*traces, **fields):
    parts = {"parts": ["conversations"], "cells": [], "ladder": None, "closing": None}
    return measured_run(conversations=list(traces), **parts | fields)


@given
def test_a_run_of_a_conversation_alone_has_its_rows_and_no_cells(here: Here):
    here.put(told(trace(), rig=here.rig))
    yield
    assert here.rows("select count(*) from measurements") == [(0,)]
    assert here.rows(
        "select conversation, title, status, n, turns, sent_tokens, cold_tokens,"
        " trace_ms_lo <= trace_ms and trace_ms <= trace_ms_hi, waiting_ms < trace_ms"
        " from conversations"
    ) == [("repair", "Mending a broken import", "ok", 5, 4, 3550, 1300, True, True)]
    assert here.rows(
        "select turn, came, n, prompt_tokens, cached_tokens, cold_tokens, verdict"
        " from conversation_turns order by turn"
    ) == [
        (0, "user", 5, 400, 0, 400, "cold"),
        (1, "results", 5, 650, 400, 250, "reused"),
        (2, "results", 5, 1200, 650, 550, "reused"),
        (3, "user", 5, 1300, 1200, 100, "reused"),
    ]
    assert here.rows("select parts from runs") == [(["conversations"],)]


def test_what_a_server_does_not_tell_is_absent(project):
    made = rows_of(told(trace(told=False)), "x")
    assert [row["cached_tokens"] for row in made["conversation_turns"]] == [None] * len(PROMPTS)
    assert {row["verdict"] for row in made["conversation_turns"]} == {"untold"}
    assert made["conversations"][0]["reused_share"] is None


def test_a_failed_one_is_a_row_without_figures():
    [row] = rows_of(told(trace(failure=Failure(kind="hang", message="silent"))), "x")[
        "conversations"
    ]
    assert (row["status"], row["n"], row["trace_ms"]) == ("failed", None, None)
    assert (row["failure_kind"], row["failure_message"]) == ("hang", "silent")


@pytest.mark.parametrize(("kind", "done"), [(None, True), ("contaminated", False)])
def test_a_campaign_s_conversation_is_done_once_it_was_played(project, put, rows, kind, done):
    for path in project.campaigns.glob("*.yaml"):
        path.unlink()
    failure = Failure(kind=kind, message="why") if kind else None
    run = told(trace(failure=failure), rig="shared-vm-2core", backend="cpu")
    (project.campaigns / "talk.yaml").write_text(
        "title: T\nwhy: W\nplaces: [shared-vm-2core/cpu]\n"
        f"models: [{run.model.slug}]\nbuilds: [{run.engine.build}]\n"
        "parts: [conversations]\n"
    )
    put(run)
    refresh(project)
    assert rows("select parts, done from campaign_items") == [(["conversations"], done)]
