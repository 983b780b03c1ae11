"""Cells, points of curves and tests of the bare engine as rows with their derived figures."""

import json
from collections.abc import Iterable, Iterator
from statistics import median

from bench_pipeline.measures.ceiling import as_share
from bench_pipeline.measures.cells import CellFigures, by_number, figures_of_each
from bench_pipeline.measures.curves import bare_figures, curve_figures, server_share
from bench_pipeline.measures.drift import Drift, within_cell
from bench_pipeline.measures.formulas import decode_tok_s
from bench_pipeline.measures.memory import memory_peak_mib
from bench_pipeline.measures.statistics import Estimate, Ratio, middle
from bench_pipeline.plausibility.requests import ttft_explained
from bench_pipeline.records.cell import Cell, CurvePoint
from bench_pipeline.records.run import Run
from bench_pipeline.records.server import BareTest
from bench_pipeline.warehouse.frames import Row
from bench_pipeline.warehouse.rows.device import Device, sum_if_known
from bench_pipeline.warehouse.rows.flags import flags_of
from bench_pipeline.warehouse.rows.runs import naive_utc, number_of, worst_verdict


def setting_of(run: Run, device: Device) -> Row:
    """What every row of figures begins with, so that a file of them needs no other to be read."""
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
    }


def estimate_columns(name: str, estimate: Estimate | None) -> dict[str, float | None]:
    return {
        name: estimate.median if estimate else None,
        f"{name}_lo": estimate.lo if estimate else None,
        f"{name}_hi": estimate.hi if estimate else None,
    }


def _ratio(name: str, ratio: Ratio | None) -> dict[str, float | None]:
    return {
        name: ratio.ratio if ratio else None,
        f"{name}_lo": ratio.lo if ratio else None,
        f"{name}_hi": ratio.hi if ratio else None,
    }


def _middle(estimate: Estimate | None) -> float | None:
    return estimate.median if estimate else None


def figures_of_cells(cells: Iterable[Cell]) -> list[CellFigures]:
    """What `measurement_row` shows of each.

    A failed cell's requests stay in `requests`, but no figure is made of them: what was cut off is
    not the same work.
    """
    nothing: dict[str, list[object]] = {"requests": [], "waves": []}
    return figures_of_each(
        [cell if cell.status == "ok" else cell.model_copy(update=nothing) for cell in cells]
    )


def measurement_row(
    run: Run,
    cell: Cell,
    figures: CellFigures,
    device: Device,
    drift: Drift | None,
    *,
    doubted: bool = False,
) -> Row:
    decode = figures.decode_tok_s
    if cell.published:
        decode = Estimate(cell.published.decode_tok_s, None, None, 0)
    measured = bool(figures.n)
    energy = cell.status == "ok" and all(part.complete for part in cell.telemetry)
    joules = figures.joules_per_token if energy else None
    within = within_cell(cell)
    answered = {cell.server, *(wave.server for wave in cell.waves)}
    return {
        **setting_of(run, device),
        "workload": cell.workload,
        "concurrency": cell.concurrency,
        "status": cell.status,
        "n": figures.n or None,
        **estimate_columns("decode_tok_s", decode),
        **estimate_columns("prefill_tok_s", figures.prefill_tok_s),
        **estimate_columns("aggregate_tok_s", figures.aggregate_tok_s),
        **estimate_columns("ttft_ms", figures.ttft_ms),
        "provenance": run.provenance,
        **estimate_columns("throughput_tok_s", figures.throughput_tok_s),
        **estimate_columns("request_throughput", figures.request_throughput),
        "first_visible_ms": _middle(figures.first_visible_ms),
        "queue_ms": _middle(figures.queue_ms),
        "itl_p99_ms": _middle(figures.itl_p99_ms),
        "server_decode_tok_s": _middle(figures.server_decode_tok_s),
        "clocks": figures.clocks,
        "clocks_agree": False if _prompt_contradicted(run, cell) else figures.clocks_agree,
        "joules_per_token": joules,
        "power_mean_w": (
            sum_if_known([part.power_mean_w for part in cell.telemetry]) if energy else None
        ),
        "prompt_tokens": median(r.prompt_tokens for r in cell.requests) if measured else None,
        "output_tokens": median(r.output_tokens for r in cell.requests) if measured else None,
        "profile": run.profile,
        "stop_reason": cell.stop_reason,
        "failure_kind": cell.failure.kind if cell.failure else None,
        "failure_message": cell.failure.message if cell.failure else None,
        "memory_verdict": worst_verdict(run.servers[n] for n in answered if n is not None),
        "model": run.model.slug,
        "creator": run.model.creator,
        "released": run.model.released,
        "build_number": number_of(run.engine.build),
        "driver": device.driver,
        "started_at": naive_utc(run.started_at),
        "window_ms": cell.window_ms,
        "source_title": run.source.title if run.source else None,
        "server": cell.server,
        "outliers": figures.outliers if measured else None,
        "delivered_on_time": figures.delivered_on_time,
        "reasoning_tokens": figures.reasoning_tokens,
        "draft_acceptance": figures.draft_acceptance,
        "others_cpu_fraction": cell.others_cpu_fraction,
        "throttle_reasons": sorted(
            {r for part in cell.telemetry for r in part.throttle_reasons or ()}
        ),
        "ceiling_share": _share_of_ceiling(run, cell, figures),
        "memory_peak_mib": memory_peak_mib(run, cell),
        "tok_s_per_w": 1 / joules if joules else None,
        **_ratio("cell_drift", within.ratio if within else None),
        "run_drift": drift.ratio.ratio if drift else None,
        "quiet": run.host_load.quiet if run.host_load else None,
        "flags": flags_of(run, cell, drift, within, doubted=doubted),
    }


def _prompt_contradicted(run: Run, cell: Cell) -> bool:
    """The server's clock has no other beside it for the prompt than the time to first token."""
    measured = run.provenance == "measured" and cell.status == "ok"
    return measured and ttft_explained(run, cell) is not None


def _share_of_ceiling(run: Run, cell: Cell, figures: CellFigures) -> float | None:
    """Without making the cell's figures a second time."""
    decode = figures.decode_tok_s if figures.n else None
    return as_share(run, cell, decode.median) if decode else None


def wave_speeds(cell: Cell) -> Iterator[Row]:
    """The decode rate of each wave that has one, and when the first request behind it was sent."""
    servers = {wave.wave: wave.server for wave in cell.waves}
    for wave, requests in by_number(cell.requests).items():
        found = [(r.sent_at_ms, rate) for r in requests if (rate := decode_tok_s(r)) is not None]
        if found:
            yield {
                "wave": wave,
                "server": servers.get(wave),
                "sent_at_ms": min(sent_at_ms for sent_at_ms, _ in found),
                "decode_tok_s": middle([rate for _, rate in found]),
            }


def curve_row(run: Run, point: CurvePoint, device: Device) -> Row:
    figures = curve_figures(point)
    share = server_share(point, run.bare_engine.tests if run.bare_engine else [])
    return {
        **setting_of(run, device),
        "depth_tokens": point.depth_tokens,
        "status": point.status,
        "n": figures.n or None,
        **estimate_columns("prefill_tok_s", figures.prefill_tok_s),
        **estimate_columns("ttft_ms", figures.ttft_ms),
        **estimate_columns("decode_tok_s", figures.decode_tok_s),
        **estimate_columns("cached_ttft_ms", figures.cached_ttft_ms),
        "cached_share": figures.cached_share,
        **_ratio("server_prefill_share", share.prefill),
        **_ratio("server_decode_share", share.decode),
        "stop_reason": point.stop_reason,
        "failure_kind": point.failure.kind if point.failure else None,
        "failure_message": point.failure.message if point.failure else None,
        "provenance": run.provenance,
        "profile": run.profile,
        "model": run.model.slug,
        "server": point.server,
    }


def bare_row(run: Run, test: BareTest, device: Device) -> Row:
    decodes = test.output_tokens > 0
    kind = "mixed" if decodes and test.prompt_tokens else "decode" if decodes else "prefill"
    figures, mean = bare_figures(test), test.mean_tok_s
    statistic = "median" if figures else "mean" if mean is not None else None
    figures = figures or (Estimate(mean, None, None, 0) if mean is not None else None)
    return {
        **setting_of(run, device),
        "kind": kind,
        "prompt_tokens": test.prompt_tokens,
        "output_tokens": test.output_tokens,
        "depth_tokens": test.depth_tokens,
        "n": (figures.n or test.repetitions) if figures else None,
        **estimate_columns("tok_s", figures),
        "statistic": statistic,
        "tok_s_sd": test.sd_tok_s,
        "also_json": json.dumps(test.also) if test.also else None,
        "provenance": run.provenance,
        "model": run.model.slug,
    }
