"""What a site offers for download, read as a visitor's script would."""

import csv
import gzip
import io
from pathlib import Path


def unpacked(path: Path) -> str:
    """The text in a file packed by gzip, its line ends as they are."""
    return gzip.decompress(path.read_bytes()).decode()


def published_rows(site: Path, name: str) -> list[dict[str, str]]:
    """A table's lines by column, from its CSV."""
    return list(csv.DictReader(io.StringIO(unpacked(site / "data" / f"{name}.csv.gz"))))
