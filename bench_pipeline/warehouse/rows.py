"""One run as the rows of the tables that it fills."""

import json
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from statistics import median
from typing import Any

from bench_pipeline.measures.cells import figures_of
from bench_pipeline.measures.statistics import Estimate
from bench_pipeline.records.cell import Cell
from bench_pipeline.records.engines import build_number
from bench_pipeline.records.inventory import Inventory
from bench_pipeline.records.run import Run
from bench_pipeline.records.server import Server
from bench_pipeline.warehouse.frames import Row

_OF_THE_MOMENT = {
    "captured_at",
    "engine_devices",  # which of them an engine lists depends on its backend
    "available_mib",
    "swap_used_mib",
    "temperature_c",
    "core_clock_mhz",
    "memory_clock_mhz",
    "pcie_generation",  # falls when the card is idle
}
"""What differs between two runs on an unchanged rig."""


def rows_of(run: Run, path: str) -> dict[str, list[Row]]:
    """Rows by table, from `runs` to `measurements`. `path` is relative to the project."""
    rows: dict[str, list[Row]] = defaultdict(list)
    device = _device_of(run)
    rows["runs"].append(_run_row(run, path, device))
    for cell in run.cells:
        place = {
            "run_id": run.run_id,
            "workload": cell.workload,
            "concurrency": cell.concurrency,
        }
        for warmup, requests in ((True, cell.warmups), (False, cell.requests)):
            rows["requests"] += [
                {**place, "warmup": warmup, **dict(request)} for request in requests
            ]
        rows["waves"] += [{**place, **dict(wave)} for wave in cell.waves]
        rows["telemetry"] += [{**place, **dict(part)} for part in cell.telemetry]
        rows["measurements"].append(_measurement_row(run, cell, device))
    return rows


@dataclass(frozen=True)
class _Device:
    """What computed in this run; all None on the CPU."""

    gpu: str | None = None
    gpu_memory_mib: float | None = None
    driver: str | None = None


def _device_of(run: Run) -> _Device:
    """The GPU(s) that `--device` names, by the engine's own device list; else the only one.

    A Vulkan device that no driver library lists as a GPU (a software rasterizer) keeps the
    name that the engine gives it.
    """
    if run.backend == "cpu":
        return _Device()
    argv = run.servers[0].argv if run.servers else []
    pinned = argv[argv.index("--device") + 1].split(",") if "--device" in argv[:-1] else []
    listed = [device for device in run.inventory.engine_devices if device.id in pinned]
    used = run.inventory.gpus_behind(pinned)
    if listed and not used:
        total_mib = [device.total_mib for device in listed]
        return _Device(_counted(device.name for device in listed), _sum(total_mib))
    used = used or run.inventory.gpus[:1]
    if not used:
        return _Device()
    return _Device(
        _counted(gpu.name for gpu in used), _sum([gpu.memory_mib for gpu in used]), used[0].driver
    )


def _counted(names: Iterable[str]) -> str:
    """`2 × NVIDIA H200` for two of a kind."""
    counts: dict[str, int] = defaultdict(int)
    for name in names:
        counts[name] += 1
    return " + ".join(f"{n} × {name}" if n > 1 else name for name, n in counts.items())


def _sum(values: Sequence[float | None]) -> float | None:
    """None if one of them, or every one, is unknown."""
    known = [value for value in values if value is not None]
    return sum(known) if known and len(known) == len(values) else None


def _naive_utc(moment: datetime | None) -> datetime | None:
    """DuckDB's TIMESTAMP has no zone; records are in UTC already."""
    return moment.replace(tzinfo=None) if moment else None


def _number_of(build: str) -> int | None:
    number = build_number(build)
    return number if number >= 0 else None


def _inventory_key(inventory: Inventory) -> str:
    def steady(value: Any) -> Any:
        if isinstance(value, dict):
            return {k: steady(v) for k, v in value.items() if k not in _OF_THE_MOMENT}
        return [steady(part) for part in value] if isinstance(value, list) else value

    return json.dumps(steady(inventory.model_dump(mode="json")), sort_keys=True)


def _run_row(run: Run, path: str, device: _Device) -> Row:
    source, failure, harness = run.source, run.failure, run.harness
    engine, model, inventory = run.engine, run.model, run.inventory
    first = run.servers[0] if run.servers else Server()
    memory = first.memory
    return {
        "run_id": run.run_id,
        "path": path,
        "provenance": run.provenance,
        "source_title": source.title if source else None,
        "source_url": source.url if source else None,
        "source_note": source.note if source else None,
        "status": run.status,
        "failure_kind": failure.kind if failure else None,
        "failure_message": failure.message if failure else None,
        "failure_log_tail": failure.log_tail if failure else None,
        "started_at": _naive_utc(run.started_at),
        "finished_at": _naive_utc(run.finished_at),
        "profile": run.profile,
        "harness_version": harness.version if harness else None,
        "harness_commit": harness.git_commit if harness else None,
        "rig": run.rig,
        "backend": run.backend,
        "mode": run.mode,
        "power_cap_w": run.power_cap_w,
        "gpu": device.gpu,
        "gpu_memory_mib": device.gpu_memory_mib,
        "driver": device.driver,
        "cpu": inventory.cpu.model,
        "os": inventory.os.name,
        "kernel": inventory.os.kernel,
        "engine": engine.name,
        "build": engine.build,
        "build_number": _number_of(engine.build),
        "commit": engine.commit,
        "channel": engine.channel,
        "version_line": engine.version_line,
        "binary_sha256": engine.binary_sha256,
        "system_info": engine.system_info,
        "argv": first.argv,
        "env_json": json.dumps(engine.env),
        "slots": first.slots,
        "log_proof": first.log_proof,
        "model": model.slug,
        "family": model.family,
        "released": model.released,
        "variant": model.variant,
        "quant": model.quant,
        "creator": model.creator,
        "licence": model.licence,
        "file_name": model.file_name,
        "model_sha256": model.sha256,
        "size_bytes": model.size_bytes,
        "parameters": model.parameters,
        "layers": model.layers,
        "context_train_tokens": model.context_train_tokens,
        "reasons": model.reasons,
        "memory_verdict": memory.verdict if memory else None,
        "memory_reason": memory.reason if memory else None,
        "layers_offloaded": memory.layers_offloaded if memory else None,
        "layers_total": memory.layers_total if memory else None,
        "memory_json": memory.model_dump_json() if memory else None,
        "cpu_busy_before": run.host_load.cpu_busy_fraction if run.host_load else None,
        "inventory_captured_at": _naive_utc(inventory.captured_at),
        "inventory_json": inventory.model_dump_json(exclude_none=True),
        "inventory_key": _inventory_key(inventory),
    }


def _estimate(name: str, estimate: Estimate | None) -> dict[str, float | None]:
    return {
        name: estimate.median if estimate else None,
        f"{name}_lo": estimate.lo if estimate else None,
        f"{name}_hi": estimate.hi if estimate else None,
    }


def _measurement_row(run: Run, cell: Cell, device: _Device) -> Row:
    # A failed cell's requests stay in `requests`, but no figure is made of them: what was cut
    # off is not the same work.
    ok = cell.status == "ok"
    figures = figures_of(cell if ok else cell.model_copy(update={"requests": [], "waves": []}))
    decode = figures.decode_tok_s
    if cell.published:
        decode = Estimate(cell.published.decode_tok_s, None, None, 0)
    energy = ok and all(part.complete for part in cell.telemetry)

    def middle(estimate: Estimate | None) -> float | None:
        return estimate.median if estimate else None

    memory = run.servers[cell.server].memory if cell.server is not None else None
    return {
        "run_id": run.run_id,
        "rig": run.rig,
        "gpu": device.gpu,
        "engine": run.engine.name,
        "build": run.engine.build,
        "backend": run.backend,
        "family": run.model.family,
        "variant": run.model.variant,
        "quant": run.model.quant,
        "mode": run.mode,
        "power_cap_w": run.power_cap_w,
        "workload": cell.workload,
        "concurrency": cell.concurrency,
        "status": cell.status,
        "n": figures.n or None,
        **_estimate("decode_tok_s", decode),
        **_estimate("prefill_tok_s", figures.prefill_tok_s),
        **_estimate("aggregate_tok_s", figures.aggregate_tok_s),
        **_estimate("ttft_ms", figures.ttft_ms),
        "provenance": run.provenance,
        "first_visible_ms": middle(figures.first_visible_ms),
        "queue_ms": middle(figures.queue_ms),
        "itl_p99_ms": middle(figures.itl_p99_ms),
        "server_decode_tok_s": middle(figures.server_decode_tok_s),
        "clocks_agree": figures.clocks_agree,
        "joules_per_token": figures.joules_per_token if energy else None,
        "power_mean_w": _sum([part.power_mean_w for part in cell.telemetry]) if energy else None,
        "prompt_tokens": median(r.prompt_tokens for r in cell.requests) if figures.n else None,
        "output_tokens": median(r.output_tokens for r in cell.requests) if figures.n else None,
        "profile": run.profile,
        "stop_reason": cell.stop_reason,
        "failure_kind": cell.failure.kind if cell.failure else None,
        "failure_message": cell.failure.message if cell.failure else None,
        "memory_verdict": memory.verdict if memory else None,
        "model": run.model.slug,
        "creator": run.model.creator,
        "released": run.model.released,
        "build_number": _number_of(run.engine.build),
        "driver": device.driver,
        "started_at": _naive_utc(run.started_at),
        "window_ms": cell.window_ms,
        "source_title": run.source.title if run.source else None,
    }
