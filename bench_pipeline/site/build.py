"""The whole site from the warehouse, put in place whole or not at all.

What makes pages is imported by those that make some: it takes as long as finding nothing new.
"""

import gzip
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from bench_pipeline.errors import SiteError
from bench_pipeline.paths import Project
from bench_pipeline.processes import few_collections, usable_cores
from bench_pipeline.progress import Reporter, Silent
from bench_pipeline.site.data.run_files import check_run_files
from bench_pipeline.site.earlier import keep_newest, was_divided
from bench_pipeline.site.kept import Kept
from bench_pipeline.site.keys import key_of
from bench_pipeline.site.place import STAMP, beside, place_of, stamp, swap
from bench_pipeline.site.source import OF_THE_SITE, Tables, read_tables
from bench_pipeline.warehouse.seal import as_remembered, broken_tables
from bench_pipeline.warehouse.stamps import Stamp
from bench_pipeline.warehouse.store import Warehouse

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

    from bench_pipeline.site.groups import Plan
    from bench_pipeline.site.pages.group import Said
    from bench_pipeline.site.pages.press import Press
    from bench_pipeline.site.rigs.view import RigLine
    from bench_pipeline.site.view import Site

MAX_INDEX_BYTES = 150_000
"""Of the front page with its style and script, gzipped: above it, the build fails."""
WARN_INDEX_BYTES = 100_000

PAGES = "pages"
"""Folder beside the warehouse for what need not be made again; see `kept`."""

Stamps = dict[str, Stamp]
"""Of files by path below the site's root."""


@dataclass(frozen=True)
class SiteReport:
    pages: int
    bytes_index_gzip: int
    files: int
    bytes_total: int
    warnings: tuple[str, ...]


def build_site(
    warehouse: Path, out: Path, root: Path | None = None, reporter: Reporter | None = None
) -> SiteReport:
    """Writes the site to `out`, replacing the one that is there.

    `root` is the project whose run files the warehouse was made from; by default the one in
    which the warehouse lies. Pages whose every input is as it was come from `PAGES` beside the
    warehouse: they are the bytes that would be made. The site is made in a folder beside `out` and
    swapped in at the end: a build that fails leaves the old one as it was. SiteError where the
    warehouse holds what must not be published, a run file is not the one it was made from, or
    `out` is not a site.
    """
    root = warehouse.resolve().parent.parent if root is None else root
    place = place_of(out)
    try:
        with few_collections(), beside(place) as making:
            return _build(warehouse, place, making, root, reporter or Silent())
    except OSError as error:
        raise SiteError(
            f"cannot be written: {error.strerror}",
            mend="free space on that disk or correct its permissions, then build again",
            where=error.filename or out,
        ) from None


def _build(warehouse: Path, out: Path, making: Path, root: Path, reporter: Reporter) -> SiteReport:
    kept = Kept(warehouse.parent / PAGES)
    with Warehouse(warehouse).read() as connection, ExitStack() as begun:
        tables = read_tables(connection, warehouse, ("run_files",))
        check_run_files(connection, tables.run_files, root)
        of_file = _key_of_file(warehouse, out, root)
        if of_file and (report := _still_there(kept, of_file, out)):
            return report
        if was_divided(kept) and usable_cores() > 1:
            from bench_pipeline.site.charts.drawing import drawn_beside

            begun.enter_context(drawn_beside())  # it takes as long as to see what has changed
        from bench_pipeline.site.groups import plan

        tables = read_tables(connection, warehouse, (*OF_THE_SITE, "runs", "run_files"))
        parts = plan(connection, tables)
        key = key_of(
            "site",
            *(str(out.resolve()), _method_by_hand(root), parts.keys, parts.rig_keys),
            *_of_site(tables),
        )
        if report := _still_there(kept, key, out):
            if of_file:
                kept.put(of_file, {}, state=kept.value(key, "state"))
            return report
        _refuse_changed(connection, warehouse)
        (making / "data").mkdir()
        with _parquet_meanwhile(connection, parts, making / "data") as parquet_written:
            from bench_pipeline.site.crew import compiled_kept, make_missing

            with compiled_kept(kept):
                make_missing(connection, warehouse, root, parts, kept, reporter)
                if not parts.divided:
                    tables = read_tables(connection, warehouse)
                gathered = _gathered(parts, kept, tables)
                pages = _write_pages(parts, kept, tables, gathered, making)
                parquet_written()
                more = _write_data(connection, parts, kept, tables, gathered, root, making)
    warnings = _warnings(pages.index_bytes, tables)
    _write(making / STAMP, stamp())
    stamps = _stamps(making)
    report = SiteReport(
        pages=pages.count + more,
        bytes_index_gzip=pages.index_bytes,
        files=len(stamps),
        bytes_total=sum(each.size_bytes for each in stamps.values()),
        warnings=warnings,
    )
    swap(making, out)
    for each in filter(None, (key, of_file)):
        kept.put(each, {}, state=_State(report, stamps))
    key_of_model = {model: group.key for group in parts.groups for model in group.models}
    keep_newest(kept, key_of_model, divided=parts.divided)
    kept.sweep()
    return report


def _key_of_file(warehouse: Path, out: Path, root: Path) -> str | None:
    """Of the site that is made of the warehouse as it lies: the rows of a file that nobody has
    written to need not be read to know them. None where somebody may have."""
    if not as_remembered(warehouse):
        return None
    stamp_of = Stamp.of(warehouse.stat())
    return key_of("file", str(out.resolve()), _method_by_hand(root), tuple(stamp_of))


def _refuse_changed(connection: "DuckDBPyConnection", warehouse: Path) -> None:
    if not as_remembered(warehouse) and (changed := broken_tables(connection)):
        raise SiteError(
            f"another hand has changed {', '.join(changed)} since they were made",
            mend="materialize `measurements`: it rebuilds them from the run files",
            where=warehouse,
        )


@contextmanager
def _parquet_meanwhile(
    connection: "DuckDBPyConnection", parts: "Plan", folder: Path
) -> Iterator[Callable[[], None]]:
    """DuckDB writes the tables on a core of its own while pages are made; to be asked for before
    they are read."""
    from bench_pipeline.site.data.downloads import write_parquet

    groups = [group.models for group in parts.groups]
    connection.execute("set threads = 1")  # as both will ask for, and not while one reads
    with connection.cursor() as own, ThreadPoolExecutor(1) as thread:
        writing = thread.submit(write_parquet, own, groups, folder)
        yield writing.result


@dataclass(frozen=True)
class _Gathered:
    """What is known of the whole site before there is anything to download."""

    press: "Press"
    said: "list[Said]"
    """By the groups of the plan."""
    site: "Site"
    rigs: "dict[str, RigLine]"
    answers: list[str]
    """Entries of `kept`, as those by which `rigs` are known."""


def _gathered(parts: "Plan", kept: Kept, tables: Tables) -> _Gathered:
    """`kept` has every group and place of `parts`."""
    from bench_pipeline.site.pages import best
    from bench_pipeline.site.pages.press import Press
    from bench_pipeline.site.pages.render import keep_rigs, whole_site

    press = Press(tables.site)
    said = [kept.value(group.key, "said") for group in parts.groups]
    site = whole_site(parts, said, tables)
    rigs = keep_rigs(press, parts, kept, tables, site)
    answers = best.keep(press, kept, site, [one.rows_by_rig for one in said], tables.site)
    return _Gathered(press, said, site, rigs, answers)


@dataclass(frozen=True)
class _Written:
    count: int
    """Of pages."""
    index_bytes: int


def _write_pages(
    parts: "Plan", kept: Kept, tables: Tables, known: _Gathered, making: Path
) -> _Written:
    """All that say nothing of the downloads."""
    from bench_pipeline.site.pages.render import render

    count, index_bytes = 0, 0
    rig_lines = [*known.rigs.values()]
    for pages in render(known.press, parts, kept, known.site, known.said, rig_lines, tables):
        index_bytes = index_bytes or _index_bytes(pages)
        count += _write_all(pages, making)
    entries = (*parts.keys, *known.rigs, *known.answers)
    count += sum(kept.publish(key, making) for key in entries)
    return _Written(count, index_bytes)


def _write_data(
    connection: "DuckDBPyConnection",
    parts: "Plan",
    kept: Kept,
    tables: Tables,
    known: _Gathered,
    root: Path,
    making: Path,
) -> int:
    """The downloads, whose Parquet files are there, and the pages that tell of them; how many."""
    from bench_pipeline.site.data.downloads import write_downloads
    from bench_pipeline.site.pages import data
    from bench_pipeline.site.pages.render import keep_method

    lines = [kept.value(group.key, "part") for group in parts.groups]
    downloads = write_downloads(connection, tables, lines, root, making, kept)
    count = _write_all(data.pages(known.press, known.site, tables, downloads), making)
    method = keep_method(known.press, kept, tables, known.site, downloads)
    return count + kept.publish(method, making)


def _write_all(pages: dict[str, bytes], making: Path) -> int:
    """How many of them are HTML."""
    for path, content in pages.items():
        _write(making / path, content)
    return sum(path.endswith(".html") for path in pages)


@dataclass(frozen=True)
class _State:
    """A site as it was built."""

    report: SiteReport
    site: Stamps


def _of_site(tables: Tables) -> list[object]:
    files = [(file["path"], file["sha256"]) for file in tables.run_files]
    return [files, *(getattr(tables, name) for name in OF_THE_SITE)]


def _method_by_hand(root: Path) -> str:
    path = Project(root).method_by_hand
    return path.read_text() if path.is_file() else ""


def _still_there(kept: Kept, key: str, out: Path) -> SiteReport | None:
    """What was said of the site in `out` when it was built of all the same, if nobody has touched
    a file of it since."""
    if not kept.has(key):
        return None
    state: _State | None = kept.value(key, "state")
    if (
        state is None
        or state.report.bytes_index_gzip > MAX_INDEX_BYTES
        or state.site != _stamps(out)
    ):
        return None
    return state.report


def _stamps(site: Path) -> Stamps:
    found = {}
    folders = [str(site)]
    while folders:
        with suppress(OSError), os.scandir(folders.pop()) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    folders.append(entry.path)
                    continue
                with suppress(OSError):
                    # a page's file is kept too; each other site that links to it changes that time
                    stamp_of = Stamp.of(entry.stat())._replace(changed_ns=0)
                    found[entry.path.removeprefix(f"{site}/")] = stamp_of
    return found


def _index_bytes(pages: dict[str, bytes]) -> int:
    """What a first visit transfers; SiteError above the limit."""
    first = [content for path, content in pages.items() if path.startswith(("index.", "static/"))]
    total = sum(len(gzip.compress(content, mtime=0)) for content in first)
    if total > MAX_INDEX_BYTES:
        raise SiteError(
            f"the front page weighs {total:,} bytes gzipped, over {MAX_INDEX_BYTES:,}",
            mend="lower ROWS_ON_ONE_PAGE in site/groups.py, or publish fewer models on one site",
        )
    return total


def _warnings(index_bytes: int, tables: Tables) -> tuple[str, ...]:
    warnings = []
    if index_bytes > WARN_INDEX_BYTES:
        warnings.append(f"the front page weighs {index_bytes:,} bytes gzipped")
    for file in tables.rejected_files:
        warnings.append(f"left out: {file['path']}: {file['problem']}")
    return tuple(warnings)


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
