"""Rows of `build_trends` and `comparisons` as the warehouse makes them, with chosen figures."""

from datetime import datetime, timedelta
from typing import Any

from bench_pipeline.site.pages import trends
from bench_pipeline.site.pages.press import Press
from bench_pipeline.site.source import Row, Tables
from bench_pipeline.site.trends.maker import trends_of
from tests.session_factories import AVX2, AVX512_AND_AMX, COMMITS

NOON = datetime(2026, 11, 22, 12)
AMX = "b10092 has AMX_INT8, AVX512; b10068 has not"


def step(
    build: str,
    value: float,
    verdict: str | None = None,
    ratio: tuple[float, float, float] | None = None,
    **columns: Any,
) -> Row:
    """One build of a series, beside the one before; `ratio` with its ends."""
    return {
        "build": build,
        "build_number": int(build[1:]),
        "commit": COMMITS.get(build, "abcdef0"),
        "value": value,
        "lo": value * 0.99,
        "hi": value * 1.01,
        "verdict": verdict,
        "ratio": ratio and ratio[0],
        "ratio_lo": ratio and ratio[1],
        "ratio_hi": ratio and ratio[2],
        "flagged": False,
        "compile_difference": "",
        **columns,
    }


def series(*steps: Row, **columns: Any) -> list[Row]:
    """Rows of `build_trends` for one metric of one cell, oldest build first."""
    before: list[str | None] = [None, *(row["build"] for row in steps)]
    return [
        {
            "rig": "shared-vm-2core",
            "gpu": None,
            "backend": "cpu",
            "engine": "llama.cpp",
            "model": "smollm2-135m-instruct-q4_1",
            "family": "SmolLM2",
            "variant": "135M-Instruct",
            "quant": "Q4_1",
            "mode": "baseline",
            "power_cap_w": None,
            "system": "kernel 6.18.44",
            "workload": "chat",
            "concurrency": 1,
            "metric": "decode_tok_s",
            "n": 48,
            "run_id": f"{row['build_number']:012d}",
            "session_id": "ab" * 6,
            "started_at": NOON,
            "system_info": AVX512_AND_AMX if row["build"] != "b10068" else AVX2,
            "previous_build": previous,
            **columns,
            **row,
        }
        for row, previous in zip(steps, before, strict=False)
    ]


def three_builds(**columns: Any) -> list[Row]:
    """The second judged and flagged against the first, the third not judged."""
    return series(
        step("b10068", 100.0),
        step(
            "b10092",
            112.0,
            "faster",
            (1.121, 1.108, 1.134),
            flagged=True,
            compile_difference=AMX,
        ),
        step("b10434", 109.0, "unjudged", session_id="cd" * 6, started_at=NOON + timedelta(days=1)),
        **columns,
    )


def tables(*rows: Row, **others: list[Row]) -> Tables:
    """Nothing but these trends, and the tables given."""
    return Tables(**{"build_trends": list(rows), **others})


def pages_of(press: Press, tables: Tables) -> dict[str, bytes]:
    """Every page of trends, by its path."""
    found = trends_of(tables)
    made = trends.index(press, found, tables.runs)
    for trend in found:
        made |= trends.pages(press, trend)
    return made
