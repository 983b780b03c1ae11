"""The data page: everything to download, what each column means, and how to cite it."""

from bench_pipeline.site import wording
from bench_pipeline.site.data import citation, run_file_lists
from bench_pipeline.site.data.download_lines import line_of
from bench_pipeline.site.data.downloads import DATABASE, SUMS, Downloads
from bench_pipeline.site.data.run_file_lists import RunFileList
from bench_pipeline.site.pages.press import Press
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


UNLISTED_ON_THE_DATA_PAGE = 100
"""Models without a listed speed; more of them stand on a page of their own."""
UNLISTED_PAGE = "unlisted.html"


def pages(press: Press, site: Site, tables: Tables, downloads: Downloads) -> dict[str, bytes]:
    edition = citation.edition(tables)
    unlisted = [model for model in site.models if not model.listed]
    unlisted_apart = len(unlisted) > UNLISTED_ON_THE_DATA_PAGE
    lists: list[RunFileList] = []
    if len(downloads.run_files) > run_file_lists.RUN_FILES_ON_ONE_PAGE:
        lists = list(run_file_lists.divided(tables, downloads.run_files))
    page = press.page(
        "data.html",
        unlisted=unlisted,
        unlisted_page=UNLISTED_PAGE if unlisted_apart else "",
        tables=downloads.tables,
        file=line_of,
        others=[line_of(other) for other in downloads.others],
        files=[line_of(file) for file in downloads.files],
        run_file_count=len(downloads.run_files),
        run_files=[] if lists else [line_of(file) for file in downloads.run_files],
        lists=lists,
        total=wording.size(sum(f.size_bytes for f in (*downloads.files, *downloads.run_files))),
        sums=SUMS,
        commands=COMMANDS,
        edition=edition,
        reference=citation.reference(edition),
        licence=citation.LICENCE,
        licence_url=citation.LICENCE_URL,
        sources=citation.sources(tables),
    )
    made = {one.href: press.page("run_files.html", one.href, page=one, sums=SUMS) for one in lists}
    if unlisted_apart:
        made[UNLISTED_PAGE] = press.page(UNLISTED_PAGE, models=unlisted)
    return {"data.html": page, **made}
