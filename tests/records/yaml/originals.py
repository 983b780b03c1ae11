"""Run files as the code of their time wrote them, one or two of each older schema."""

import gzip
from pathlib import Path

OLDER = Path(__file__).parent / "older"
PACKED = sorted(OLDER.rglob("*.yaml.gz"))


def original(packed: Path) -> tuple[Path, bytes]:
    """Where below the folder of runs the file lay, and what it held."""
    return packed.relative_to(OLDER).with_suffix(""), gzip.decompress(packed.read_bytes())
