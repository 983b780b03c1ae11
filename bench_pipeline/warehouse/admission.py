"""The one place where whatever a run file brings about becomes that file's rejection.

Reading it, judging it and making its rows must not stop the others; nothing else in the warehouse
catches broadly.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from math import isfinite
from pathlib import Path
from typing import Any

from bench_pipeline.errors import RecordError
from bench_pipeline.plausibility.judging import why_refused
from bench_pipeline.plausibility.rule import Facts
from bench_pipeline.records.model import ModelFile
from bench_pipeline.records.run import SIGNATURE, Run
from bench_pipeline.records.yaml.files import parse_record, read_run
from bench_pipeline.warehouse.frames import Columns, Types, Values, stacked, turned, typed
from bench_pipeline.warehouse.rows.whole_run import rows_of, samples_of


def admit(
    file: Path,
    content: bytes,
    path: str,
    catalogue: Mapping[str, ModelFile],
    *,
    placed: bool = True,
) -> tuple[Run, dict[str, Values]]:
    """The run with its rows by table, which every export can hold; of a table without rows nothing.
    RecordError whatever is wrong with it. `path` is relative to the project. `placed`: it lies
    among the project's runs, so that its path has to say what its content says."""
    run, rows = judged(file, content, path, catalogue, placed=placed)
    with rejecting(file):
        refuse_unwritable(rows)
    return run, rows


def judged(
    file: Path,
    content: bytes,
    path: str,
    catalogue: Mapping[str, ModelFile],
    *,
    placed: bool = True,
) -> tuple[Run, dict[str, Values]]:
    """As `admit`, but that what it holds may be nothing that an export can hold."""
    with rejecting(file):
        run = read_run(file, content) if placed else parse_record(Run, content, file)
        facts = Facts(datetime.now(UTC), catalogue)
        if doubt := why_refused(run, facts):
            raise RecordError(
                f"cannot be: {doubt}",
                mend="correct the clock or the file; docs/security.md says what a run may say",
                where=file,
            )
        made = rows_of(run, path, facts)
        made["runs"] = [{**made["runs"][0], "signed_by": _signed_by(content, file)}]
        rows = {table: turned(of_table) for table, of_table in made.items() if of_table}
        return run, rows | samples_of(run)


def columns_of_all(
    runs: Sequence[Mapping[str, Values]], types: Mapping[str, Types]
) -> dict[str, Columns] | None:
    """What was `judged` of several runs, one below the other, in one go: to begin with a column
    takes longer than a run's lines of it. None where a run among them is to be rejected, or
    anything else is wrong: whoever takes them one by one learns what."""
    try:
        rows = stacked(runs)
        refuse_unwritable(rows)
        return {table: typed(of_table, types[table]) for table, of_table in rows.items()}
    except Exception:
        return None


@contextmanager
def rejecting(file: Path) -> Iterator[None]:
    """Whatever is raised within is a RecordError of this file."""
    try:
        yield
    except RecordError:
        raise
    except MemoryError:
        raise RecordError(
            "takes more memory than there is", mend="remove samples, or the file", where=file
        ) from None
    except Exception as error:
        raise RecordError(
            f"cannot be taken: {type(error).__name__}: {str(error)[:200]}",
            mend="this is a gap in our checks too: report it with the file, and move it away",
            where=file,
        ) from error


def _signed_by(content: bytes, file: Path) -> str | None:
    if f"\n{SIGNATURE}: ".encode() not in content:
        return None  # as most: what proves one takes longer to import than a run to read
    from bench_pipeline.senders.signatures import signed_by

    return signed_by(content, file)


_ALWAYS_WRITABLE = {int, bool, type(None)}


def refuse_unwritable(rows: Mapping[str, Values]) -> None:
    """ValueError for infinities, which sums and quotients may bring, and for halves of
    characters: neither JSON nor UTF-8 has them.

    By column, as nearly all of a run's values are numbers, of which one kind is looked at.
    """
    for of_table in rows.values():
        for values in of_table.values():
            _refuse_unwritable_values(values)


def _refuse_unwritable_values(values: list[Any]) -> None:
    kinds = set(map(type, values)) - _ALWAYS_WRITABLE
    if kinds == {float} and isfinite(sum(filter(None, values))):
        return
    if kinds:
        json.dumps(values, allow_nan=False, ensure_ascii=False, default=str).encode()
