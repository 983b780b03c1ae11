"""Run files of older schemas are read as they are, and say the same as their rewritten selves."""

from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from bench_pipeline.errors import RecordError
from bench_pipeline.paths import checkout
from bench_pipeline.records.run import SCHEMA_VERSION, Run
from bench_pipeline.records.yaml.files import dump_record, parse_record, read_run
from bench_pipeline.records.yaml.migrations import upgrade
from bench_pipeline.records.yaml.strict import dump_yaml, parse_yaml
from tests.records.yaml.originals import PACKED, original


def leaves(value: Any) -> Iterator[Any]:
    """Every single value below."""
    if isinstance(value, dict | list):
        for item in value.values() if isinstance(value, dict) else value:
            yield from leaves(item)
    else:
        yield value


@cache
def document_of(packed: Path) -> dict[str, Any]:
    """What YAML says of it; to be read and not changed."""
    path, text = original(packed)
    return parse_yaml(text, path)


@cache
def run_of(packed: Path) -> Run:
    return read_run(*original(packed))


def test_an_original_of_each_older_schema_is_kept() -> None:
    found = {document_of(packed)["schema_version"] for packed in PACKED}
    assert found == set(range(1, SCHEMA_VERSION))


@pytest.mark.parametrize("packed", PACKED, ids=lambda path: path.name)
def test_an_original_says_the_same_as_the_committed_file(packed: Path) -> None:
    path, _ = original(packed)
    assert run_of(packed) == read_run(checkout().runs / path)


@pytest.mark.parametrize("packed", PACKED, ids=lambda path: path.name)
def test_every_value_of_an_original_arrives(packed: Path) -> None:
    """Counted without our models: what the file holds, the run holds as often."""
    run = run_of(packed)
    assert run.schema_version == SCHEMA_VERSION
    before = document_of(packed) | {"schema_version": SCHEMA_VERSION}
    assert not Counter(leaves(before)) - Counter(leaves(run.model_dump(mode="json")))


@pytest.mark.parametrize("packed", PACKED, ids=lambda path: path.name)
def test_a_run_of_schema_1_has_its_server_in_servers(packed: Path) -> None:
    before, run = document_of(packed), run_of(packed)
    assert len(run.cells) == len(before["cells"])
    if before["schema_version"] > 1:
        return
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


def test_upgrading_leaves_the_document_that_it_was_given_alone() -> None:
    document = {"schema_version": 1, "provenance": "measured", "engine": {"argv": ["a"]}}
    upgrade(document)
    assert document == {
        "schema_version": 1,
        "provenance": "measured",
        "engine": {"argv": ["a"]},
    }


@pytest.mark.parametrize("engine", [None, "b10434", ["argv"]])
def test_a_malformed_old_document_is_left_for_validation_to_refuse(engine: Any) -> None:
    with pytest.raises(ValueError):
        Run.model_validate(upgrade({"schema_version": 1, "engine": engine, "cells": ["x"]}))


def test_each_schema_has_its_own_form_and_no_other(run: Run) -> None:
    """Lists under schema 4, and tables or a hash under an older one, are no run."""
    where = Path(run.relative_path)
    lists = run.model_dump(mode="json", exclude_none=True)
    tables = parse_yaml(dump_record(run).encode(), where)
    for document, says in [
        (lists, r"cells.0.warmups: a table belongs here"),
        ({**lists, "below_sha256": "0" * 64, "schema_version": 3}, "unknown key `below_sha256`"),
        ({**tables, "schema_version": 3}, "unknown key `below_sha256`"),
        ({**without_seal(tables), "schema_version": 3}, "cells.0.warmups: Input should be a valid"),
    ]:
        with pytest.raises(RecordError, match=says):
            parse_record(Run, dump_yaml(document, explicit_end=True).encode(), where)
    older = dump_yaml({**lists, "schema_version": 3}, explicit_end=True)
    assert parse_record(Run, older.encode(), where) == run


def without_seal(document: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in document.items() if key != "below_sha256"}
