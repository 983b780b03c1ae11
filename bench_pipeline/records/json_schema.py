"""JSON Schemas of the records, for other people's tools and for our own reference."""

from typing import Any

from bench_pipeline.records.base import Record
from bench_pipeline.records.run import SCHEMA_VERSION, Run


def record_json_schema(kind: type[Record]) -> dict[str, Any]:
    """Pydantic's schema (draft 2020-12) of `kind`, without the titles it makes of the keys."""
    schema = kind.model_json_schema()
    for definition in [schema, *schema.get("$defs", {}).values()]:
        for field in definition.get("properties", {}).values():
            field.pop("title", None)
    return schema


def run_json_schema() -> dict[str, Any]:
    """Schema of a run file, as the site publishes it.

    It has no `$id`: the same page may stand at many addresses. Every file that this code
    writes is valid by it; the code also checks what no schema can say (a measured run has its
    requests, path and content agree).
    """
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **record_json_schema(Run),
        "title": f"Benchmark run, schema {SCHEMA_VERSION}",
    }
