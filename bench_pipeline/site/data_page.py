"""The data page: everything to download, what each column means, and how to cite it."""

from dataclasses import dataclass

from bench_pipeline.site import citation, wording
from bench_pipeline.site.downloads import DATABASE, OTHERS, SUMS, Download, Downloads
from bench_pipeline.site.press import Press
from bench_pipeline.site.source import Tables
from bench_pipeline.site.view import Site

QUERY = (
    "SELECT model, rig, build, workload, decode_tok_s, n FROM 'measurements.parquet' "
    "WHERE status = 'ok' AND concurrency = 1 ORDER BY decode_tok_s DESC LIMIT 10"
)
"""Over a file beside it, in the folder into which it was saved."""

COMMANDS = tuple(
    (what, f'python -c "import duckdb; print(duckdb.sql(\\"{query}\\"))"')
    for what, query in (
        ("Of one Parquet file", QUERY),
        ("Of the file with all tables", f"ATTACH '{DATABASE}' (READ_ONLY); FROM bench.ranges"),
    )
)
"""To be typed where the files lie: a test runs them there."""


@dataclass(frozen=True)
class File:
    """A line of a list of downloads; the address is relative to the page."""

    name: str
    href: str
    kind: str
    size: str
    sha256: str
    what: str


def pages(press: Press, site: Site, tables: Tables, downloads: Downloads) -> dict[str, bytes]:
    edition = citation.edition(tables)
    return {
        "data.html": press.page(
            "data.html",
            unlisted=[model for model in site.models if not model.rows],
            tables=downloads.tables,
            file=_file,
            others=[_file(other) for other in downloads.others],
            files=[_file(file) for file in downloads.files],
            run_files=[_file(file) for file in downloads.run_files],
            total=wording.size(sum(f.size_bytes for f in (*downloads.files, *downloads.run_files))),
            sums=SUMS,
            commands=COMMANDS,
            edition=edition,
            reference=citation.reference(edition),
            licence=citation.LICENCE,
            licence_url=citation.LICENCE_URL,
            sources=citation.sources(tables),
        )
    }


def _file(download: Download) -> File:
    return File(
        name=download.name.removeprefix("runs/"),
        href=f"data/{download.name}",
        kind=download.name.rpartition(".")[2],
        size=wording.size(download.size_bytes),
        sha256=download.sha256,
        what=OTHERS.get(download.name, ""),
    )
