"""What others read instead of our code: the reference of keys and the JSON Schema."""

import json
import re
import subprocess
import sys
from typing import Any

import jsonschema
import pytest
import yaml

from bench_pipeline.paths import checkout
from bench_pipeline.records.reference.json_schema import record_json_schema, run_json_schema
from bench_pipeline.records.reference.keys import FILES, reference
from bench_pipeline.records.run import SCHEMA_VERSION, Run
from bench_pipeline.records.yaml.files import dump_record, run_files
from tests.factories import failed_cell, measured_run

DOCS = checkout().root / "docs" / "records.md"


@pytest.fixture(scope="module")
def text() -> str:
    return reference()


def test_the_reference_in_docs_is_the_one_of_this_code(text: str) -> None:
    told = "python -m bench_pipeline.records > docs/records.md"
    assert DOCS.read_text() == text, f"run `{told}`"


def test_every_key_of_every_record_is_in_the_reference(text: str) -> None:
    for title, path, kind in FILES:
        assert f"## {title}\n\n`{path}`" in text
        schema = record_json_schema(kind)
        for definition in [schema, *schema.get("$defs", {}).values()]:
            assert definition["description"]
            for key in definition["properties"]:
                assert f"| `{key}` |" in text


def test_every_row_says_type_and_meaning(text: str) -> None:
    rows = [line for line in text.splitlines() if line.startswith("| `")]
    assert len(rows) > 150
    for row in rows:
        cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", row)[1:-1]]
        assert len(cells) == 4, row
        assert cells[1] and cells[3].endswith((".", "...")), row


def test_every_link_of_the_reference_leads_somewhere(text: str) -> None:
    anchors = set(re.findall(r'<a id="([^"]+)">', text))
    links = set(re.findall(r"\]\(#([^)]+)\)", text))
    assert links == anchors


@pytest.fixture(scope="module")
def json_schema() -> dict[str, Any]:
    return run_json_schema()


def test_the_command_prints_both(text: str, json_schema: dict[str, Any]) -> None:
    command = [sys.executable, "-m", "bench_pipeline.records"]
    told = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert told == text
    told = subprocess.run([*command, "--schema"], capture_output=True, text=True, check=True).stdout
    assert json.loads(told) == json_schema


@pytest.fixture(scope="module")
def schema(json_schema: dict[str, Any]) -> jsonschema.Draft202012Validator:
    jsonschema.Draft202012Validator.check_schema(json_schema)
    return jsonschema.Draft202012Validator(json_schema)


def as_written(run: Run) -> dict[str, Any]:
    """What stands in the run's file."""
    return yaml.load(dump_record(run), yaml.CSafeLoader)


def test_the_schema_has_a_name_and_no_address(json_schema: dict[str, Any]) -> None:
    assert json_schema["title"] == f"Benchmark run, schema {SCHEMA_VERSION}"
    assert json_schema["description"]
    assert "$id" not in json.dumps(json_schema)


@pytest.mark.parametrize("backend", ["cpu", "cuda", "vulkan"])
def test_what_this_code_writes_is_valid_by_the_schema(schema, backend: str) -> None:
    run = measured_run(backend=backend)
    run = run.model_copy(update={"cells": [*run.cells, failed_cell("sweep", 16, "hang")]})
    schema.validate(as_written(run))


def test_every_committed_run_is_valid_by_the_schema(schema) -> None:
    for path in run_files(checkout().runs):
        schema.validate(yaml.load(path.read_bytes(), yaml.CSafeLoader))


@pytest.mark.parametrize(
    "change",
    [
        {"colour": "green"},
        {"schema_version": 99},
        {"run_id": "not hex"},
        {"status": "fine"},
        {"power_cap_w": -5},
        {"cells": [{"workload": "chat"}]},
        {"cells": [{"workload": "chat", "concurrency": 1, "waves": []}]},
        {"cells": [{"workload": "chat", "concurrency": 1, "waves": "wave, ms\n0, 1\n"}]},
        {"below_sha256": "none"},
        {"rig": "../../etc"},
    ],
)
def test_what_is_wrong_is_invalid_by_the_schema(schema, change: dict[str, Any]) -> None:
    with pytest.raises(jsonschema.ValidationError):
        schema.validate(as_written(measured_run(workloads=("chat",))) | change)
