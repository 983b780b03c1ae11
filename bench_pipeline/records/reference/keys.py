"""The reference of every key (`docs/records.md`), made from the classes themselves."""

import json
from typing import Any, get_args

from bench_pipeline.records.base import Record
from bench_pipeline.records.campaign import Campaign
from bench_pipeline.records.engines import EngineCatalogue
from bench_pipeline.records.model import ModelFile, ModelHead
from bench_pipeline.records.plan import Plan
from bench_pipeline.records.reference.json_schema import record_json_schema
from bench_pipeline.records.rig import NAMES_OF_BACKENDS, Backend, Rig
from bench_pipeline.records.run import Run
from bench_pipeline.records.site import SiteFacts
from bench_pipeline.records.table import MEDIA_TYPE
from bench_pipeline.records.workload import Conversation, Workload

FILES: list[tuple[str, str, type[Record]]] = [
    ("Rig", "content/rigs/<slug>.yaml", Rig),
    ("Model", "content/models/<slug>.yaml", ModelFile),
    ("Quants of a model", "content/models/<head>.yaml", ModelHead),
    ("Workload", "content/workloads/<slug>.yaml", Workload),
    ("Conversation", "content/conversations/<slug>.yaml", Conversation),
    ("Campaign", "content/campaigns/<slug>.yaml", Campaign),
    ("Engines", "content/engines.yaml", EngineCatalogue),
    ("Site", "content/site.yaml", SiteFacts),
    ("Plan", "<name>.yaml, carried to the rig", Plan),
    ("Run", "content/benchmarks/runs/<rig>/<backend>/<start>-<run_id>.yaml", Run),
]

_WITH_A_CHAPTER = {kind.__name__: title for title, _, kind in FILES}

_INTRODUCTION = """\
# Every key of every record

<!-- Made by `python -m bench_pipeline.records > docs/records.md`; a test compares. -->

All files are YAML and are read strictly: an unknown key, a key that stands twice, an alias or
a value of another type is an error that names file, line and mend. YAML reads a bare `on` as
true and `0777` as a number, so write such names in quotes. Units stand in the names: `_ms`,
`_s`, `_w`, `_j`, `_bytes`, `_mib` (2^20 bytes), `tok_s`; times are UTC. A key with a default
may be left out; where the default is empty, leaving it out means "not known" or "not set".
A slug has small letters and digits, then also `.`, `_` and `-`, 80 characters at most.

A run file ends with a line `...`, YAML's own end of a document, so that one which was cut off is
never read; write it below a run file made by hand too. Its second line, `below_sha256`, holds a
hash of all below it, by which an accident is found that leaves a valid file: a lost line, a column
moved without its header. To change a file by hand, remove that line; nothing asks for it. A third
line, `signature`, tells with which key the file was signed: `python -m bench_pipeline sign`.

A **table** is a block of text with a header line, which names the columns, and one
comma-separated line for each record, so that any program which reads YAML and CSV reads it:

```yaml
waves: |
  wave,all_busy_ms,all_busy_tokens
  0,128.111,99
  1,130.014,99
```

Columns may stand in any order; one that has a default may be left out. An empty field is not known.
Numbers are written plainly (`12`, `0.5`, `1e-05`), `true` and `false` in small letters, items of a
list with `;` between them. Text is printable ASCII without quotes; what else it has, and a comma,
`;` or `%`, is written as in the address of a web page (`%2C` for a comma). An unknown, missing or
doubled column, a line with more or fewer fields, a line that stands twice, and anything but a
number where a number belongs are errors that name file, line and column.

Run files of schema 1 to 3 have lists of mappings instead of tables, and are read as they are;
`python -m bench_pipeline migrate` rewrites them.
"""

_SHAPES = {
    r"^[a-z0-9][a-z0-9._-]{0,79}$": "slug",
    r"^\d{4}-(0[1-9]|1[0-2])$": "month, `YYYY-MM`",
    r"^[0-9a-f]{64}$": "sha256, 64 hex digits",
    NAMES_OF_BACKENDS: ", ".join(f"`{name}`" for name in get_args(Backend))
    + " or one of them with `-word` after it",
}


def reference() -> str:
    """Markdown: a chapter per kind of file, a table per kind of record within it."""
    chapters = [_chapter(title, path, kind) for title, path, kind in FILES]
    return "\n".join([_INTRODUCTION, *chapters])


def _chapter(title: str, path: str, kind: type[Record]) -> str:
    schema = record_json_schema(kind)
    if path.endswith("/<slug>.yaml"):
        schema["required"].remove("slug")  # reading the file fills it in
        schema["properties"]["slug"]["default"] = "the file's name"
    definitions = schema.get("$defs", {})
    parts = [f"## {title}\n\n`{path}`\n\n{_section(schema, definitions)}"]
    for name in _in_order(schema, definitions):
        body = _section(definitions[name], definitions)
        parts.append(f'<a id="{_anchor(title, name)}"></a>\n\n### {title}: {name}\n\n{body}')
    return "\n".join(parts).replace("](#", f"](#{title.lower()}-")


def _in_order(schema: dict[str, Any], definitions: dict[str, Any]) -> list[str]:
    """Names of the records within, in the order in which the keys lead to them."""
    found: list[str] = []
    for name in _references(schema.get("properties", {})):
        if name in _WITH_A_CHAPTER:
            continue
        for step in (name, *_in_order(definitions[name], definitions)):
            if step not in found:
                found.append(step)
    return found


def _references(node: Any) -> list[str]:
    if isinstance(node, dict):
        here = [node["$ref"].rpartition("/")[2]] if "$ref" in node else []
        return here + [name for value in node.values() for name in _references(value)]
    return [name for item in node for name in _references(item)] if isinstance(node, list) else []


def _anchor(title: str, name: str) -> str:
    return f"{title.lower()}-{name.lower()}"


def _section(schema: dict[str, Any], definitions: dict[str, Any]) -> str:
    required = schema.get("required", [])
    rows = [
        (f"`{key}`", _type(field), _default(field, key in required), _meaning(field, definitions))
        for key, field in schema["properties"].items()
    ]
    head = "| key | type | default | meaning |\n|---|---|---|---|\n"
    return f"{schema['description']}\n\n{head}" + "".join(
        f"| {' | '.join(row)} |\n" for row in rows
    )


def _meaning(field: dict[str, Any], definitions: dict[str, Any]) -> str:
    # Pydantic leaves out a field's description that is word for word that of its class.
    text = field.get("description") or definitions[_references(field)[0]]["description"]
    return " ".join(text.split()).replace("|", "\\|")


def _default(field: dict[str, Any], required: bool) -> str:
    default = field.get("default")
    if required:
        return "**required**"
    if default in (None, [], {}, ""):
        return ""
    return f"`{default if isinstance(default, str) else json.dumps(default)}`"


def _type(field: dict[str, Any]) -> str:
    """One field's JSON Schema in words."""
    if "anyOf" in field:
        return " or ".join(_type(way) for way in field["anyOf"] if way.get("type") != "null")
    if "$ref" in field:
        name = field["$ref"].rpartition("/")[2]
        if name in _WITH_A_CHAPTER:
            return f"{_WITH_A_CHAPTER[name]}, as its own file has it"
        return f"[{name}](#{name.lower()})"
    if field.get("contentMediaType") == MEDIA_TYPE:
        return f"table of {_type(field['contentSchema']['items'])}"
    if "const" in field:
        return f"`{json.dumps(field['const']).strip(chr(34))}`"
    if "enum" in field:
        return ", ".join(f"`{value}`" for value in field["enum"])
    if field["type"] == "array":
        return f"list of {_type(field['items'])}" + (", one at least" * ("minItems" in field))
    if field["type"] == "object":
        keys = field.get("propertyNames", {}).get("enum")
        named = " / ".join(f"`{key}`" for key in keys) if keys else "name"
        values = field.get("additionalProperties", {})
        for pattern, found in field.get("patternProperties", {}).items():
            named, values = _SHAPES.get(pattern, f"name like `{pattern}`"), found
        return f"{named} → {_type(values)}"
    return _scalar(field)


def _scalar(field: dict[str, Any]) -> str:
    if pattern := field.get("pattern"):
        return _SHAPES.get(pattern, f"text like `{pattern}`".replace("|", "\\|"))
    words = {"string": "text", "integer": "whole number", "boolean": "true or false"}
    word = "UTC time" if field.get("format") == "date-time" else words.get(field["type"], "number")
    if "minimum" in field or "exclusiveMinimum" in field:
        least = field.get("minimum", field.get("exclusiveMinimum"))
        word += f", {'at least' if 'minimum' in field else 'over'} {least}"
    if "maximum" in field:
        word += f", at most {field['maximum']}"
    if "maxLength" in field:
        word += f", at most {field['maxLength']} characters"
    return word
