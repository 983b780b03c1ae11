"""A run as one row of `runs`, and its servers as rows of `servers`."""

import json
from collections.abc import Iterable
from dataclasses import asdict
from datetime import datetime
from itertools import pairwise
from typing import Any

from bench_pipeline.harness.planning.estimate import Known
from bench_pipeline.measures.drift import Drift
from bench_pipeline.measures.knee import growth, knee_of
from bench_pipeline.records.engines import build_number
from bench_pipeline.records.inventory import Inventory
from bench_pipeline.records.run import Run
from bench_pipeline.records.server import Server
from bench_pipeline.warehouse.frames import Row
from bench_pipeline.warehouse.rows.device import Device

_OF_THE_MOMENT = {
    "captured_at",
    "engine_devices",  # which of them an engine lists depends on its backend
    "available_mib",
    "swap_used_mib",
    "asleep",
    "temperature_c",
    "core_clock_mhz",
    "memory_clock_mhz",
    "pcie_generation",  # falls when the card is idle
}
"""What differs between two runs on an unchanged rig."""

_WORST_FIRST = ("spilled", "unverified", "placed", "fits")


def naive_utc(moment: datetime | None) -> datetime | None:
    """DuckDB's TIMESTAMP has no zone; records are in UTC already."""
    return moment.replace(tzinfo=None) if moment else None


def number_of(build: str) -> int | None:
    number = build_number(build)
    return number if number >= 0 else None


def _as_found(run: Run) -> Inventory:
    """The rig's own: a cap that was set for the run is the found one again."""
    if run.power_cap is None:
        return run.inventory
    found_w = {card.pcie_address: card.found_w for card in run.power_cap.cards}
    gpus = [
        gpu.model_copy(update={"power_cap_w": found_w.get(gpu.pcie_address or "", gpu.power_cap_w)})
        for gpu in run.inventory.gpus
    ]
    return run.inventory.model_copy(update={"gpus": gpus})


def _inventory_key(inventory: Inventory) -> str:
    def steady(value: Any) -> Any:
        if isinstance(value, dict):
            return {k: steady(v) for k, v in value.items() if k not in _OF_THE_MOMENT}
        return [steady(part) for part in value] if isinstance(value, list) else value

    return json.dumps(steady(inventory.model_dump(mode="json")), sort_keys=True)


def _yardstick(run: Run) -> str | None:
    if run.provenance != "measured" or run.status != "ok":
        return None
    return json.dumps(asdict(Known(run).yardstick))


def _firmware(inventory: Inventory, device: Device) -> str | None:
    """Of the machine and of the cards that computed."""
    settings = inventory.settings
    told = [settings.firmware if settings else None, device.firmware]
    return ", ".join(part for part in told if part) or None


def worst_verdict(servers: Iterable[Server]) -> str | None:
    """None where nobody looked."""
    found = {server.memory.verdict for server in servers if server.memory}
    return next((verdict for verdict in _WORST_FIRST if verdict in found), None)


def run_row(
    run: Run,
    path: str,
    device: Device,
    drift: Drift | None,
    aggregates: dict[int, dict[str, float]],
) -> Row:
    """`aggregates`: median aggregate tok/s by concurrency and workload."""
    source, failure, harness = run.source, run.failure, run.harness
    engine, model, inventory = run.engine, run.model, _as_found(run)
    load, bare, session = run.host_load, run.bare_engine, run.session
    return {
        "run_id": run.run_id,
        "path": path,
        "provenance": run.provenance,
        "submitted_by": run.submitted_by,
        "source_title": source.title if source else None,
        "source_url": source.url if source else None,
        "source_note": source.note if source else None,
        "status": run.status,
        "failure_kind": failure.kind if failure else None,
        "failure_message": failure.message if failure else None,
        "failure_log_tail": failure.log_tail if failure else None,
        "started_at": naive_utc(run.started_at),
        "finished_at": naive_utc(run.finished_at),
        "profile": run.profile,
        "parts": run.parts or ["usual"],
        "depths_left_out_json": json.dumps(
            [each.model_dump() for each in run.depths_left_out or ()]
        ),
        "harness_version": harness.version if harness else None,
        "harness_commit": harness.git_commit if harness else None,
        "rig": run.rig,
        "backend": run.backend,
        "arrangement_json": run.arrangement.model_dump_json(exclude_defaults=True)
        if run.arrangement
        else None,
        "mode": run.mode,
        "draft": run.draft.slug if run.draft else None,
        "power_cap_w": run.power_cap_w,
        "yardstick_json": _yardstick(run),
        "asked_workloads": run.asked_workloads,
        "asked_cap_w": run.power_cap.asked_w if run.power_cap else None,
        "gpu": device.gpu,
        "gpu_memory_mib": device.gpu_memory_mib,
        "driver": device.driver,
        "vulkan_driver": device.vulkan_driver,
        "firmware": _firmware(inventory, device),
        "cpu": inventory.cpu.model,
        "os": inventory.os.name,
        "kernel": inventory.os.kernel,
        "engine": engine.name,
        "untold": engine.untold or [],
        "build": engine.build,
        "build_number": number_of(engine.build),
        "commit": engine.commit,
        "channel": engine.channel,
        "version_line": engine.version_line,
        "binary_sha256": engine.binary_sha256,
        "system_info": engine.system_info,
        "env_json": json.dumps(engine.env),
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
        "tensors_json": None
        if model.tensors is None
        else json.dumps([held.model_dump(mode="json") for held in model.tensors]),
        "layers": model.layers,
        "context_train_tokens": model.context_train_tokens,
        "reasons": model.reasons,
        "memory_verdict": worst_verdict(run.servers)
        or (bare.memory.verdict if bare and bare.memory else None),
        "cpu_busy_before": load.cpu_busy_fraction if load else None,
        "foreign_gpu_processes": load.foreign_gpu_processes if load else None,
        "quiet": load.quiet if load else None,
        "processes_on_other_gpus": load.processes_on_other_gpus if load else None,
        "unknown": run.unknown,
        "shell_env_json": None if engine.shell_env is None else json.dumps(engine.shell_env),
        "left_out": engine.left_out,
        "waited_s": load.waited_s if load else None,
        "ladder": run.ladder.concurrencies if run.ladder else None,
        "ladder_ended": run.ladder.ended if run.ladder else None,
        **_knee(aggregates),
        "drift_workload": drift.workload if drift else None,
        "drift_concurrency": drift.concurrency if drift else None,
        "drift_ratio": drift.ratio.ratio if drift else None,
        "drift_lo": drift.ratio.lo if drift else None,
        "drift_hi": drift.ratio.hi if drift else None,
        "drifted": drift.drifted if drift else None,
        "session_id": session.session_id if session else None,
        "session_builds": session.builds if session else None,
        "session_blocks": session.blocks if session else None,
        "session_ended": session.ended if session else None,
        "bandwidth_json": json.dumps([part.model_dump(mode="json") for part in run.bandwidth]),
        "bare_version_line": bare.version_line if bare else None,
        "bare_argv": bare.argv if bare else None,
        "bare_failure_kind": bare.failure.kind if bare and bare.failure else None,
        "bare_failure_message": bare.failure.message if bare and bare.failure else None,
        "bare_memory_reason": bare.memory.reason if bare and bare.memory else None,
        "settings_json": json.dumps((bare.settings if bare else None) or {}),
        "printed_json": run.printed.model_dump_json(exclude_none=True) if run.printed else None,
        "inventory_captured_at": naive_utc(inventory.captured_at),
        "inventory_json": inventory.model_dump_json(exclude_none=True),
        "inventory_key": _inventory_key(inventory),
    }


def _knee(aggregates: dict[int, dict[str, float]]) -> Row:
    """The knee, the concurrency tried after it, and the share by which that one added."""
    knee = knee_of(aggregates)
    after = next((above for below, above in pairwise(sorted(aggregates)) if below == knee), None)
    gain = None
    if knee is not None and after is not None:
        gain = growth(aggregates[knee], aggregates[after])
    return {"knee": knee, "after_knee": after, "after_knee_gain": gain}


def server_rows(run: Run) -> list[Row]:
    """One row for each start of the engine, failed ones included."""
    return [_server_row(run, number, server) for number, server in enumerate(run.servers)]


def _server_row(run: Run, number: int, server: Server) -> Row:
    memory, failure = server.memory, server.failure
    return {
        "run_id": run.run_id,
        "server": number,
        "concurrencies": sorted({c.concurrency for c in run.cells if c.server == number}),
        "slots": server.slots,
        "context_tokens_per_slot": server.context_tokens_per_slot,
        "load_ms": server.load_ms,
        "memory_verdict": memory.verdict if memory else None,
        "memory_reason": memory.reason if memory else None,
        "layers_offloaded": memory.layers_offloaded if memory else None,
        "layers_total": memory.layers_total if memory else None,
        "memory_json": memory.model_dump_json() if memory else None,
        "argv": server.argv,
        "log_proof": server.log_proof,
        "failure_kind": failure.kind if failure else None,
        "failure_message": failure.message if failure else None,
        "failure_log_tail": failure.log_tail if failure else None,
    }
