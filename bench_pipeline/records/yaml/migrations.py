"""Run files of older schemas, as what the newest one says once its tables are read."""

from typing import Any

Document = dict[str, Any]


def upgrade(document: Document) -> Document:
    """`document` in the newest schema. Malformed, it is left for validation to refuse."""
    document = dict(document)
    if document.get("schema_version") == 1:
        _to_2(document)
    if document.get("schema_version") == 2:
        document["schema_version"] = 3  # which only adds what may be missing
    if document.get("schema_version") == 3:
        document["schema_version"] = 4  # whose tables say what lists of mappings said
    return document


def _to_2(document: Document) -> None:
    """Its one server moves from `engine` and `memory` into `servers`."""
    document["schema_version"] = 2
    engine = document.get("engine")
    server = {}
    if isinstance(engine, dict):
        document["engine"] = engine = dict(engine)
        for key in ("argv", "slots", "context_tokens_per_slot", "log_proof"):
            if key in engine:
                server[key] = engine.pop(key)
    if "memory" in document:
        server["memory"] = document.pop("memory")
    if document.get("provenance") != "measured" or not server:
        return
    document["servers"] = [server]
    cells = document.get("cells")
    if isinstance(cells, list):
        document["cells"] = [
            {**cell, "server": 0} if isinstance(cell, dict) else cell for cell in cells
        ]
    if document.get("status") == "ok" and isinstance(cells, list) and cells:
        tried = [cell.get("concurrency") for cell in cells if isinstance(cell, dict)]
        document["ladder"] = {"concurrencies": list(dict.fromkeys(tried)), "ended": "asked"}
