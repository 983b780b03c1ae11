"""What a record says of its fields, the docstring under each, as its schema has it."""

import ast
import inspect
import textwrap
from functools import cache
from itertools import pairwise

from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core.core_schema import ModelSchema

from bench_pipeline.records.base import Record


class Described(GenerateJsonSchema):
    """Pydantic's schema with these texts as descriptions, where neither a field nor its kind says
    the same itself."""

    def model_schema(self, schema: ModelSchema) -> JsonSchemaValue:
        made = super().model_schema(schema)
        for name, text in described(schema["cls"]).items():
            field = made["properties"][name]
            of_its_kind = self.get_schema_from_definitions(field["$ref"]) if "$ref" in field else {}
            if text != (of_its_kind or {}).get("description"):
                field.setdefault("description", text)
        return made


def described(kind: type[Record]) -> dict[str, str]:
    """By field, also of the fields that it has from other records; none of a field without one."""
    found: dict[str, str] = {}
    for each in reversed(kind.__mro__):
        if issubclass(each, Record):
            found |= _own(each)
    return {name: text for name, text in found.items() if name in kind.model_fields}


@cache
def _own(kind: type[Record]) -> dict[str, str]:
    (definition,) = ast.parse(textwrap.dedent(inspect.getsource(kind))).body
    assert isinstance(definition, ast.ClassDef)
    return {
        field.target.id: inspect.cleandoc(below.value.value)
        for field, below in pairwise(definition.body)
        if isinstance(field, ast.AnnAssign)
        and isinstance(field.target, ast.Name)
        and isinstance(below, ast.Expr)
        and isinstance(below.value, ast.Constant)
        and isinstance(below.value.value, str)
    }
