"""Conversations as rows with their derived figures."""

from bench_pipeline.measures.conversations import TraceFigures, trace_figures
from bench_pipeline.records.run import Run
from bench_pipeline.records.workload import Trace
from bench_pipeline.warehouse.frames import Row
from bench_pipeline.warehouse.rows.device import Device
from bench_pipeline.warehouse.rows.figures import estimate_columns, setting_of


def conversation_rows(run: Run, device: Device) -> tuple[list[Row], list[Row]]:
    """Of `conversations` and of `conversation_turns`."""
    found = [(trace, trace_figures(trace)) for trace in run.conversations or ()]
    return (
        [_whole(run, trace, figures, device) for trace, figures in found],
        [row for trace, figures in found for row in _turns(run, trace, figures, device)],
    )


def _about(run: Run, trace: Trace, device: Device) -> Row:
    return {
        **setting_of(run, device),
        "conversation": trace.conversation,
        "title": trace.title,
        "script_sha256": trace.script_sha256,
        "provenance": run.provenance,
        "profile": run.profile,
        "model": run.model.slug,
        "server": trace.server,
    }


def _whole(run: Run, trace: Trace, figures: TraceFigures, device: Device) -> Row:
    return {
        **_about(run, trace, device),
        "status": trace.status,
        "n": figures.n or None,
        "turns": len(trace.turns),
        **estimate_columns("trace_ms", figures.trace_ms),
        **estimate_columns("waiting_ms", figures.waiting_ms),
        "sent_tokens": figures.sent_tokens,
        "cold_tokens": figures.cold_tokens,
        "reused_share": figures.cached_share,
        "stop_reason": trace.stop_reason,
        "failure_kind": trace.failure.kind if trace.failure else None,
        "failure_message": trace.failure.message if trace.failure else None,
    }


def _turns(run: Run, trace: Trace, figures: TraceFigures, device: Device) -> list[Row]:
    return [
        {
            **_about(run, trace, device),
            "turn": turn.turn,
            "came": turn.came,
            "n": found.n or None,
            **estimate_columns("ttft_ms", found.ttft_ms),
            **estimate_columns("cold_prefill_tok_s", found.prefill_tok_s),
            **estimate_columns("decode_tok_s", found.decode_tok_s),
            "prompt_tokens": found.prompt_tokens,
            "shared_tokens": turn.shared_tokens,
            "cached_tokens": found.cached_tokens,
            "cold_tokens": found.cold_tokens,
            "output_tokens": found.output_tokens,
            "verdict": found.verdict,
        }
        for turn, found in zip(trace.turns, figures.turns, strict=True)
    ]
