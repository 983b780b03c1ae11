"""JSON Schemas of the records, for other people's tools and for our own reference."""

from typing import Any

from bench_pipeline.records.base import Record
from bench_pipeline.records.reference.docstrings import Described
from bench_pipeline.records.run import SCHEMA_VERSION, SEAL, SIGNATURE, Run
from bench_pipeline.records.table import MEDIA_TYPE

_SEAL = {
    "description": "Of every byte below this line and a `signature`, line ends as LF: `tail -n +3"
    " FILE | sha256sum` prints the same, of a signed file `tail -n +4`. Remove this line with a"
    " change that is meant.",
    "pattern": "^[0-9a-f]{64}$",
    "type": "string",
}
"""Second line of a run file that this code wrote."""

_SIGNATURE = {
    "description": "Ed25519 public key and signature of the hash above, as `python -m"
    " bench_pipeline sign` writes them; always the third line.",
    "pattern": "^ssh-ed25519 [A-Za-z0-9+/]{68} [A-Za-z0-9+/]{86}==$",
    "type": "string",
}


def record_json_schema(kind: type[Record]) -> dict[str, Any]:
    """Schema (draft 2020-12) of a file that holds a `kind`: pydantic's, without the titles that it
    makes of the keys, and with what belongs to the file alone."""
    schema = kind.model_json_schema(schema_generator=Described)
    if kind is Run:
        first, *others = schema["properties"].items()
        schema["properties"] = dict(
            [first, (SEAL, dict(_SEAL)), (SIGNATURE, dict(_SIGNATURE)), *others]
        )
    for definition in [schema, *schema.get("$defs", {}).values()]:
        for field in definition.get("properties", {}).values():
            field.pop("title", None)
            if field.get("contentMediaType") == MEDIA_TYPE:
                field.pop("default", None)  # no list stands in a file; no table is no line
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
