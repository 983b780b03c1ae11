"""Requests, waves and telemetry stand in a run file as tables: exact, strict, and plain to read."""

import csv
import io
import json
import random
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import pytest
import yaml

from bench_pipeline.errors import RecordError
from bench_pipeline.records.base import LARGEST, SMALLEST, Record
from bench_pipeline.records.cell import Cell, Telemetry, Wave
from bench_pipeline.records.run import Run
from bench_pipeline.records.table import Table
from bench_pipeline.records.yaml import tables
from bench_pipeline.records.yaml.files import dump_record, parse_record, read_run
from bench_pipeline.records.yaml.tables import read_tables, write_tables
from tests.records.yaml.test_writing import HOSTILE

CELL = """\
workload: chat
concurrency: 1
waves: |
  wave,all_busy_ms,all_busy_tokens,server
  0,128.111,99,
  1,130.014,99,1
telemetry: |
  device,energy_j,energy_from,temperature_max_c,throttle_reasons,samples,complete
  CUDA0,1.5,counter,-3.25,power-cap;thermal,9,true
  CUDA1,,,,,9,false
  CUDA2,,,,;,9,false
"""


def read(text: str) -> Cell:
    return parse_record(Cell, text.encode(), Path("cell.yaml"))


def refused(text: str) -> RecordError:
    with pytest.raises(RecordError) as caught:
        read(text)
    assert caught.value.mend
    return caught.value


def test_a_table_is_read_into_the_list_that_it_stands_for() -> None:
    cell = read(CELL)
    assert cell.waves == [
        Wave(wave=0, all_busy_ms=128.111, all_busy_tokens=99),
        Wave(wave=1, all_busy_ms=130.014, all_busy_tokens=99, server=1),
    ]
    assert [part.throttle_reasons for part in cell.telemetry] == [
        ["power-cap", "thermal"],
        None,  # not known
        [],  # known to be none
    ]
    assert [part.energy_j for part in cell.telemetry] == [1.5, None, None]
    assert [part.complete for part in cell.telemetry] == [True, False, False]
    assert read(dump_record(cell)) == cell


def test_a_stranger_reads_a_run_with_yaml_and_csv_alone(run: Run) -> None:
    found = yaml.safe_load(dump_record(run))
    for cell, ours in zip(found["cells"], run.cells, strict=True):
        rows = list(csv.DictReader(io.StringIO(cell["requests"])))
        assert len(rows) == len(ours.requests)
        for row, request in zip(rows, ours.requests, strict=True):
            for name, text in row.items():
                value = getattr(request, name)
                assert (text if isinstance(value, str) else json.loads(text)) == value


def test_columns_stand_in_any_order() -> None:
    swapped = CELL.replace("wave,all_busy_ms", "all_busy_ms,wave")
    swapped = swapped.replace("0,128.111", "128.111,0").replace("1,130.014", "130.014,1")
    assert read(swapped) == read(CELL)


def test_what_is_not_known_in_any_line_has_no_column(run: Run) -> None:
    text = dump_record(run)
    assert "draft_tokens" not in text and "server_itl_p99_ms" in text
    assert ",server\n" not in text


def test_a_table_without_lines_is_left_out() -> None:
    cell = Cell(workload="chat", concurrency=1)
    assert "requests" not in dump_record(cell)
    assert read(dump_record(cell)) == cell
    bare = CELL.replace("  0,128.111,99,\n  1,130.014,99,1\n", "")
    assert read(bare).waves == []


@pytest.mark.parametrize("text", HOSTILE, ids=ascii)
def test_any_text_survives_in_a_table(text: str) -> None:
    part = read(CELL).telemetry[0]
    changes = {"device": text, "throttle_reasons": [text, "", text]}
    cell = read(CELL).model_copy(update={"telemetry": [part.model_copy(update=changes)]})
    written = dump_record(cell)
    assert read(written) == cell
    table = yaml.safe_load(written)["telemetry"]
    assert table.isascii() and table.count("\n") == 2 and '"' not in table


@pytest.mark.parametrize("seed", range(20))
def test_any_number_survives_to_its_last_digit(seed: int) -> None:
    dice = random.Random(seed)

    def number() -> float:
        while True:
            (found,) = struct.unpack("d", dice.randbytes(8))
            if seed % 2:  # without an exponent, which another reader takes
                found = dice.uniform(0.001, 10 ** dice.randrange(-2, 16))
            if SMALLEST <= found <= LARGEST:
                return found

    waves = [
        Wave(wave=n, all_busy_ms=number(), all_busy_tokens=dice.getrandbits(dice.randrange(1, 32)))
        for n in range(50)
    ]
    cell = Cell(workload="chat", concurrency=1, waves=waves)
    assert read(dump_record(cell)) == cell


def test_tables_of_one_header_are_read_as_each_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    texts = [
        "wave,all_busy_ms,all_busy_tokens\n0,1.5,7\n1,2,\n",
        "wave,all_busy_ms\n0,3.25\n",
        "wave,all_busy_ms,all_busy_tokens\n1,4e-05,8\n",
        "wave,all_busy_ms,all_busy_tokens",
        "wave,all_busy_ms,all_busy_tokens\n0,0.0,9",
    ]

    def document() -> dict[str, Any]:
        return {"cells": [{"waves": text} for text in texts]}

    together, alone = document(), document()
    read_tables(Run, together)
    monkeypatch.setattr(tables, "_read_together", lambda written: None)
    read_tables(Run, alone)
    assert together == alone
    assert [len(cell["waves"]) for cell in together["cells"]] == [2, 1, 1, 0, 1]


@pytest.mark.parametrize("wrong", ["0,1.5\n0,2.5", "0,1.5\n1", "0,1.5\n1,x", "0,1.5\n\n"])
def test_of_tables_of_one_header_the_faulty_one_is_named(wrong: str) -> None:
    cells = [{"waves": f"wave,all_busy_ms\n{lines}\n"} for lines in ("0,1", wrong, "0,2")]
    with pytest.raises(tables.TableFault) as caught:
        read_tables(Run, {"cells": cells})
    assert caught.value.location[:4] == ("cells", 1, "waves", 1)


@pytest.mark.parametrize(
    ("old", "new", "line", "says"),
    [
        ("wave,all", "wave,all_busy,all", 4, "unknown column `all_busy`"),
        ("all_busy_ms,", "all_busy_mS,", 4, "unknown column `all_busy_mS`"),
        ("wave,all_busy_ms", "wave, all_busy_ms", 4, "unknown column ` all_busy_ms`"),
        ("wave,all_busy_ms", 'wave,"all_busy_ms"', 4, 'unknown column `"all_busy_ms"`'),
        ("wave,all_busy_ms", "wave,all_busy_ms,wave", 4, "the column `wave` stands twice"),
        ("wave,all_busy_ms,", "wave,", 4, "the column `all_busy_ms` is missing"),
        ("wave,", ",", 4, "unknown column ``"),
        ("0,128.111,99,\n", "0,128.111\n", 5, "ends before `all_busy_tokens`: 2 of 4"),
        ("0,128.111,99,\n", "0,128.111,99\n", 5, "ends before `server`: 3 of 4"),
        ("1,130.014,99,1\n", "1,130.014,99,1,1\n", 6, "1 more fields than columns"),
        ("0,128.111,99,\n", "\n  0,128.111,99,\n", 5, "an empty line"),
        ("0,128.111,99,\n", "# known\n  0,128.111,99,\n", 5, "ends before `all_busy_ms`: 1 of 4"),
        ("0,128.111,99,", "0;128.111;99;", 5, "ends before `all_busy_ms`: 1 of 4"),
        ("0,128.111,99,", "0\t128.111\t99\t", 5, "ends before `all_busy_ms`: 1 of 4"),
        ("1,130.014,99,1", "0,130.014,99,1", 6, "waves.1.wave: wave 0 stands twice"),
        ("0,128.111", ",128.111", 5, "waves.0.wave: is empty, but must be known"),
        ("0,128.111,", "0,,", 5, "waves.0.all_busy_ms: is empty"),
        ("99,1", "99,1.0", 6, "waves.1.server: a whole number belongs here, got `1.0`"),
        ("99,1", "99,-1", 6, "waves.1.server: Input should be greater than or equal to 0"),
        ("CUDA0,", '"CUDA0",', 9, "telemetry.0.device: not plain text"),
        ("CUDA0,", " CUDA0,", 9, "telemetry.0.device: not plain text"),
        ("CUDA0,", "CUDA0 ,", 9, "telemetry.0.device: not plain text"),
        ("CUDA0,", "CÜDA0,", 9, "telemetry.0.device: not plain text"),
        ("CUDA0,", "CUDA0%2c,", 9, "telemetry.0.device: not plain text"),
        ("CUDA0,", "CUDA%41,", 9, "telemetry.0.device: not plain text"),
        ("CUDA0,", "%FF,", 9, "telemetry.0.device: not plain text"),
        ("CUDA1,", "CUDA0,", 10, "telemetry.1.device: device CUDA0 stands twice"),
        (",counter,", ",guess,", 9, "telemetry.0.energy_from: Input should be"),
        ("9,true", "9,True", 9, "telemetry.0.complete: `true` or `false` belongs here"),
        ("9,true", "9,1", 9, "telemetry.0.complete: `true` or `false` belongs here"),
        ("cap;thermal", "cap; thermal", 9, "telemetry.0.throttle_reasons: not plain text"),
        ("cap;thermal", "cap;", 9, "telemetry.0.throttle_reasons: not plain text"),
        ("99,1\n", "99,1\n   1,1,1,1\n", 7, "waves.2.wave: a whole number belongs here"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told_with_its_line_and_column(
    old: str, new: str, line: int, says: str
) -> None:
    assert CELL.count(old) >= 1
    error = refused(CELL.replace(old, new, 1))
    assert says in error.problem
    assert error.where == f"cell.yaml:{line}"


@pytest.mark.parametrize(
    "number",
    [
        *(
            "nan",
            "NaN",
            "inf",
            "-inf",
            "Infinity",
            "1e999",
            "1e+999",
            "1_000",
            "0x10",
            "0b1",
            "0o7",
        ),
        *(" 5", "5 ", "\t5", "+5", "5.", ".5", "05", "--5", "5-", "1e5", "1e", "0.4e9", "1E+05"),
        *(
            "٣",
            "５",
            "²",
            "5\u00a0",
            "5\u200b",
            "'5'",
            '"5"',
            "five",
            "5 ms",
            "true",
            "5;5",
            "1:30",
        ),
        *("null", "~", "5%", "%35", "0,5", "9" * 5000, "1." + "0" * 5000),
    ],
    ids=lambda text: ascii(text[:12]),
)
def test_nothing_but_a_plain_number_is_one(number: str) -> None:
    error = refused(CELL.replace("128.111", number))
    assert error.where == "cell.yaml:5"
    assert "waves.0" in error.problem


@pytest.mark.parametrize("number", ["0", "-0.0", "7", "1e-05", "5e-09", "1.5e+12", "12345678"])
def test_plain_numbers_are_read(number: str) -> None:
    assert read(CELL.replace("128.111", number)).waves[0].all_busy_ms == float(number)


@pytest.mark.parametrize("value", ["[]", "{}", "5", "true", "[{wave: 0}]", "''", "~"])
def test_a_table_is_a_block_of_text(value: str) -> None:
    error = refused(f"workload: chat\nconcurrency: 1\nwaves: {value}\n")
    assert error.where == "cell.yaml:3"


def test_numbers_that_contradict_each_other_are_told(run: Run) -> None:
    text = dump_record(run)
    header = next(line for line in text.splitlines() if line.startswith("    wave,stream"))
    moved = header.replace("itl_p50_ms,itl_p95_ms", "itl_p95_ms,itl_p50_ms")
    assert moved != header
    with pytest.raises(RecordError, match="the line's `itl_p50_ms`") as caught:
        read_run(Path(run.relative_path), text.replace(header, moved).encode())
    where = text.splitlines().index(header) + 2
    assert caught.value.where == f"{run.relative_path}:{where}"


class Deep(Record):
    """What no table can hold."""

    inner: Wave
    """A record in a record."""


class Holder(Record):
    rows: Annotated[list[Deep], Table(key=("inner",))] = []


@pytest.mark.parametrize("work", [read_tables, write_tables])
def test_a_record_that_fits_no_table_is_our_own_mistake(work: Callable[..., Any]) -> None:
    with pytest.raises(TypeError, match=r"Deep\.inner does not fit into a table"):
        work(Holder, {"rows": []})


def test_every_declared_table_is_complete(run: Run) -> None:
    """Whatever telemetry can say stands in the table under its own name."""
    everything = Telemetry(
        device="CUDA0",
        energy_j=1,
        energy_from="counter",
        power_mean_w=1,
        power_max_w=1,
        core_clock_min_mhz=1,
        core_clock_median_mhz=1,
        temperature_max_c=1,
        throttle_reasons=["a"],
        covers="package",
        samples=1,
        interval_ms=1,
        complete=True,
    )
    text = dump_record(Cell(workload="chat", concurrency=1, telemetry=[everything]))
    header = yaml.safe_load(text)["telemetry"].splitlines()[0]
    assert header.split(",") == list(Telemetry.model_fields)
