"""What a run file weighs and what reading it costs, as lists of mappings and as tables.

    python benchmarks/run_file.py [RUN FILE, the largest of this checkout by default]

Writes the run in schema 3, in which each request repeats its keys, and as it is written now, then
reads each from memory, in turns, and prints the sizes, the fastest of several readings and the
ratios. CPU time of this process: what else the machine does counts little.
"""

import gzip
import sys
import time
from pathlib import Path

from rich.console import Console

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from bench_pipeline.paths import checkout
from bench_pipeline.records.run import Run
from bench_pipeline.records.yaml.files import dump_record, read_run, run_files
from bench_pipeline.records.yaml.strict import dump_yaml
from benchmarks.text_table import table

READINGS = 5

console = Console(highlight=False, soft_wrap=True)


def as_lists(run: Run) -> bytes:
    """Schema 3's form of a run."""
    document = run.model_dump(mode="json", exclude_none=True) | {"schema_version": 3}
    return dump_yaml(document, explicit_end=True).encode()


def reading_s(path: Path, text: bytes, expected: Run) -> float:
    started = time.process_time()
    run = read_run(path, text)
    taken_s = time.process_time() - started
    assert run == expected
    return taken_s


def main(path: Path) -> None:
    run = read_run(path)
    forms = {"lists (schema 3)": as_lists(run), "tables (schema 4)": dump_record(run).encode()}
    times: dict[str, list[float]] = {name: [] for name in forms}
    for _ in range(READINGS):
        for name, text in forms.items():
            times[name].append(reading_s(path, text, run))
    rows = [["", "KB", "KB gzipped", "s to read"]]
    for name, text in forms.items():
        sizes = [f"{len(text) / 1e3:,.0f}", f"{len(gzip.compress(text)) / 1e3:,.0f}"]
        rows.append([name, *sizes, f"{min(times[name]):.3f}"])
    requests = sum(len(cell.requests) for cell in run.cells)
    console.print(f"{path.name}, {requests} requests in {len(run.cells)} cells")
    console.print(table(rows))
    lists, tables = forms
    console.print(
        f"{len(forms[lists]) / len(forms[tables]):.1f} times smaller,"
        f" {min(times[lists]) / min(times[tables]):.0f} times quicker"
    )


if __name__ == "__main__":
    named = [Path(name).resolve() for name in sys.argv[1:]]
    main(named[0] if named else max(run_files(checkout().runs), key=lambda p: p.stat().st_size))
