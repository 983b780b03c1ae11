"""What visitors see."""

import dagster as dg

from bench_pipeline.defs.assets.cards import file_uri
from bench_pipeline.defs.assets.warehouse import build_trends, speed_ranges, workload_speeds
from bench_pipeline.defs.automation import AFTER_ITS_SOURCES
from bench_pipeline.paths import Project
from bench_pipeline.progress import Reporter


@dg.asset(
    group_name="site",
    kinds={"altair", "html"},
    deps=[speed_ranges, workload_speeds, build_trends],
    automation_condition=AFTER_ITS_SOURCES,
)
def site_pages(
    project: dg.ResourceParam[Project], reporter: dg.ResourceParam[Reporter]
) -> dg.MaterializeResult:
    """The site in site_out, made from the warehouse alone and swapped in whole. Brings the
    warehouse up to date first, so that this asset is enough on a fresh clone."""
    from bench_pipeline.site.build import build_site
    from bench_pipeline.warehouse.refresh import refresh

    report = refresh(project, reporter)
    with reporter.step("Building the site"):
        site = build_site(project.warehouse, project.site, project.root, reporter)
    return dg.MaterializeResult(
        metadata={
            "dagster/uri": file_uri(project.site / "index.html"),
            "index": dg.MetadataValue.path(project.site / "index.html"),
            "pages": site.pages,
            "files": site.files,
            "index, gzipped bytes": site.bytes_index_gzip,
            "all bytes": site.bytes_total,
            "measurements published": report.row_counts["measurements"],
            "warnings": dg.MetadataValue.md("\n".join(f"- {w}" for w in site.warnings) or "None."),
        }
    )
