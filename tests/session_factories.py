"""Realistic sessions, without a rig: builds measured A B B A on a machine that drifts.

`session_runs({"b10092": 1.0, "b10434": 0.95})` gives a run for each build, the second 5 % slower
than the first. Every number comes from a seeded generator, as in `tests.factories`.
"""

import hashlib
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np

from bench_pipeline.harness.blocks import joined
from bench_pipeline.records.cell import Cell
from bench_pipeline.records.run import Run, Session
from tests.factories import SMOLLM2, measured_cell, measured_run

NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)

AVX2 = (
    "n_threads = 1 (n_threads_batch = 1) / 2 | CPU : SSE3 = 1 | SSSE3 = 1 | AVX = 1 | AVX2 = 1"
    " | F16C = 1 | FMA = 1 | BMI2 = 1 | LLAMAFILE = 1 | OPENMP = 1 | REPACK = 1"
)
AVX512_AND_AMX = (
    "n_threads = 1 (n_threads_batch = 1) / 2 | CPU : SSE3 = 1 | SSSE3 = 1 | AVX = 1 | AVX_VNNI = 1"
    " | AVX2 = 1 | F16C = 1 | FMA = 1 | BMI2 = 1 | AVX512 = 1 | AVX512_VBMI = 1 | AVX512_VNNI = 1"
    " | AVX512_BF16 = 1 | AMX_INT8 = 1 | LLAMAFILE = 1 | OPENMP = 1 | REPACK = 1"
)
COMMITS = {"b10068": "571d0d5", "b10092": "3ce7da2", "b10434": "7e4c0a9"}


def session_runs(
    speeds: Mapping[str, float],
    *,
    turns: int = 12,
    waves_per_block: int = 2,
    workloads: Sequence[str] = ("chat",),
    concurrencies: Sequence[int] = (1,),
    decode_tok_s: float = 115.0,
    prefill_tok_s: float = 750.0,
    prefill_speeds: Mapping[str, float] | None = None,
    drift: float = 0.05,
    start_noise: float = 0.003,
    ended: str = "known",
    started_at: datetime = NOON,
    system_infos: Mapping[str, str] | None = None,
    seed: int = 1,
    **fields: Any,
) -> list[Run]:
    """A run for each build, in the order of `speeds`: oldest first.

    `speeds`: build to speed, decode and prefill alike, as a share of the rates given; prefill's
    own are `prefill_speeds`, if given. By the end the machine is slower by `drift`; each start of
    a server is off by `start_noise` (standard deviation), each request by 1 %. `system_infos`: by
    build, compiled for AVX512 and AMX where not given. `fields`: what `measured_run` takes (rig,
    backend, model, mode, ...).
    """
    there = list(speeds)
    order = [*there, *reversed(there)] * turns
    random = np.random.default_rng(seed)
    model = fields.get("model", SMOLLM2).slug
    identity = f"{order} {workloads} {started_at} {model} {seed} {fields.get('rig')}"
    digest = hashlib.sha256(f"{identity} {fields.get('backend')}".encode()).hexdigest()
    session_id = hashlib.sha256(identity.encode()).hexdigest()[:12]
    decode_tok_s *= 1 + 1e-7 * int(digest[:4], 16) / 16**4  # as in `measured_run`
    blocks: dict[str, dict[tuple[str, int], list[Cell]]] = {build: {} for build in there}
    starts = dict.fromkeys(there, 0)
    for number, build in enumerate(order):
        machine = 1 - drift * number / len(order)
        for concurrency in concurrencies:
            start = machine * float(np.exp(random.normal(0, start_noise)))
            speed, reading = speeds[build] * start, (prefill_speeds or speeds)[build] * start
            for workload in workloads:
                cell = measured_cell(
                    workload,
                    concurrency,
                    server=starts[build],
                    decode_tok_s=decode_tok_s * speed / (1 + 0.4 * (concurrency - 1)),
                    prefill_tok_s=prefill_tok_s * reading,
                    repetitions=waves_per_block,
                    seed=int(random.integers(2**31)),
                )
                blocks[build].setdefault((workload, concurrency), []).append(cell)
            starts[build] += 1
    stop_reason = "converged" if ended == "known" else "budget"
    runs = []
    for number, build in enumerate(there):
        run = measured_run(
            **{"build": build, **fields},
            started_at=started_at + timedelta(seconds=number),
            seed=seed,
            concurrencies=concurrencies,
            cells=[
                joined(cells).model_copy(update={"stop_reason": stop_reason})
                for cells in blocks[build].values()
            ],
        )
        commit = COMMITS.get(build, hashlib.sha256(build.encode()).hexdigest()[:7])
        told = {
            "commit": commit,
            "version_line": f"version: 1 ({commit})",
            "system_info": (system_infos or {}).get(build, AVX512_AND_AMX),
        }
        session = Session.model_validate(
            {"session_id": session_id, "builds": there, "blocks": order, "ended": ended}
        )
        run = run.model_copy(
            update={
                "engine": run.engine.model_copy(update=told),
                "session": session,
                "servers": run.servers[:1] * starts[build],
            }
        )
        runs.append(Run.model_validate(run.model_dump()))
    return runs
