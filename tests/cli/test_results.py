"""What `make bench` says at its end of what was measured."""

from io import StringIO

from rich.console import Console

from bench_pipeline.cli.flow import Outcome
from bench_pipeline.cli.results import tell_results
from bench_pipeline.paths import Project
from bench_pipeline.records.cell import Failure
from bench_pipeline.records.yaml.files import write_run
from tests.factories import measured_run
from tests.trace_factories import trace


def said(project: Project, **fields: object) -> str:
    path = write_run(measured_run(**fields), project.runs).relative_to(project.runs)  # type: ignore[arg-type]
    told = Console(file=StringIO(), width=120)
    tell_results(project, told, Outcome(run_files=[path.as_posix()]))
    return told.file.getvalue()  # type: ignore[attr-defined]


def test_a_conversation_alone_is_told_without_an_empty_table(project: Project):
    alone = {"parts": ["conversations"], "cells": [], "ladder": None, "closing": None}
    text = said(project, conversations=[trace()], **alone)
    assert "Mending a broken import: " in text and "4 turns, n = 5; 63% of the prompts'" in text
    assert "workload" not in text
    failed = trace(failure=Failure(kind="hang", message="silent"))
    assert "failed (hang)" in said(project, conversations=[failed], seed=2, **alone)


def test_workloads_are_told_as_a_table(project: Project):
    assert "workload" in said(project)
