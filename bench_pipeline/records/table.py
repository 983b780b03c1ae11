"""How a list of flat records stands in its file: as a table, a line for each.

Declared at the field. In memory it is the list all the same; `yaml/tables.py` reads and writes it.
"""

from dataclasses import dataclass
from typing import Any

from pydantic import GetJsonSchemaHandler
from pydantic_core import CoreSchema

MEDIA_TYPE = "text/csv"
"""By which the JSON Schema of a field says that it is a table."""

_NAME = "[a-z0-9_]+"
_FIELD = "[^\\s,\"'](?:[^\\n\\r,\"']*[^\\s,\"'])?|"
_LINE = rf"(?:{_FIELD})(?:,(?:{_FIELD}))*"


@dataclass(frozen=True)
class Table:
    """`Annotated[list[R], Table(key=...)]`: R's keys are the columns. They are numbers, text, true
    or false, or lists of these; nothing deeper.

    key      the columns by which a line is known: no two lines have the same there
    rising   columns whose numbers never fall from one to the next within a line
    """

    key: tuple[str, ...]
    rising: tuple[tuple[str, ...], ...] = ()

    def __get_pydantic_json_schema__(
        self, core_schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        """The file's form; `contentSchema` says what it holds."""
        return {
            "type": "string",
            "contentMediaType": MEDIA_TYPE,
            "contentSchema": handler(core_schema),
            "pattern": rf"^{_NAME}(?:,{_NAME})*\n(?:{_LINE}\n)*$",
        }
