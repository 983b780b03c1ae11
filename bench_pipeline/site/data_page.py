"""The data page: everything to download, and what each column means."""

from bench_pipeline.site.dictionary import TABLES, meaning
from bench_pipeline.site.press import Press
from bench_pipeline.site.source import Tables, published_path
from bench_pipeline.site.view import Site


def pages(press: Press, site: Site, tables: Tables) -> dict[str, bytes]:
    return {
        "data.html": press.page(
            "data.html",
            unlisted=[model for model in site.models if not model.rows],
            counts={table: len(getattr(tables, table)) for table in TABLES.values()},
            run_files=[
                {"path": published_path(file["path"]), "sha256": file["sha256"]}
                for file in tables.run_files
            ],
            columns={
                name: {
                    column: meaning(column, table)
                    for column in next(iter(getattr(tables, table)), ())
                }
                for name, table in TABLES.items()
            },
        )
    }
