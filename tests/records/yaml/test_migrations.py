"""Run files of older schemas are read as they are: the committed ones are among them."""

from pathlib import Path

import pytest

from bench_pipeline.paths import checkout
from bench_pipeline.records.run import SCHEMA_VERSION, Run
from bench_pipeline.records.yaml.files import read_run, run_files
from bench_pipeline.records.yaml.migrations import upgrade
from bench_pipeline.records.yaml.strict import parse_yaml


def of_schema(version: int) -> list[Path]:
    mark = f"schema_version: {version}\n"
    return [path for path in run_files(checkout().runs) if path.read_text().startswith(mark)]


@pytest.mark.parametrize("version", [1, 2])
def test_committed_runs_of_each_older_schema_are_there_to_be_read(version: int):
    assert of_schema(version)


@pytest.mark.parametrize("path", of_schema(1), ids=lambda path: path.stem)
def test_a_run_of_schema_1_says_the_same_in_the_newest(path: Path):
    before = parse_yaml(path.read_bytes(), path)
    run = read_run(path)
    assert run.schema_version == SCHEMA_VERSION
    assert len(run.cells) == len(before["cells"])
    if run.provenance == "measured":
        (server,) = run.servers
        assert server.argv == before["engine"]["argv"]
        assert server.slots == before["engine"]["slots"]
        assert server.log_proof == before["engine"]["log_proof"]
        assert server.memory.verdict == before["memory"]["verdict"]
        assert {cell.server for cell in run.cells} == {0}
        assert (run.ladder.concurrencies, run.ladder.ended) == ([1, 4], "asked")
    else:
        assert run.servers == []


def test_upgrading_leaves_the_document_that_it_was_given_alone():
    document = {"schema_version": 1, "provenance": "measured", "engine": {"argv": ["a"]}}
    upgrade(document)
    assert document == {
        "schema_version": 1,
        "provenance": "measured",
        "engine": {"argv": ["a"]},
    }


@pytest.mark.parametrize("engine", [None, "b10434", ["argv"]])
def test_a_malformed_old_document_is_left_for_validation_to_refuse(engine):
    with pytest.raises(ValueError):
        Run.model_validate(upgrade({"schema_version": 1, "engine": engine, "cells": ["x"]}))
