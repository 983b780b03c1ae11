"""A cell that was measured in blocks, each on a start of its own, as one cell."""

from collections.abc import Sequence

from bench_pipeline.records.cell import Cell, Request, Telemetry, Wave


def joined(blocks: Sequence[Cell]) -> Cell:
    """The blocks' repetitions one after the other; each wave says which server answered it.

    Waves are numbered anew; the times of a request stay those within its block. What a block
    failed of is what the cell failed of.
    """
    first, last = blocks[0], blocks[-1]
    requests: list[Request] = []
    warmups: list[Request] = []
    waves: list[Wave] = []
    for number, block in enumerate(blocks):
        begin = len(waves)
        waves += [
            wave.model_copy(update={"wave": begin + wave.wave, "server": block.server})
            for wave in block.waves
        ]
        requests += [r.model_copy(update={"wave": begin + r.wave}) for r in block.requests]
        warmups += [r.model_copy(update={"wave": number}) for r in block.warmups]
    window_ms = sum(block.window_ms or 0 for block in blocks)
    shares = [
        block.others_cpu_fraction * (block.window_ms or 0)
        for block in blocks
        if block.others_cpu_fraction is not None
    ]
    return Cell.model_validate(
        dict(last)
        | {
            "server": first.server,
            "window_ms": round(window_ms, 3),
            "warmups": warmups,
            "requests": requests,
            "waves": waves,
            "telemetry": _together(blocks),
            "others_cpu_fraction": (
                round(sum(shares) / window_ms, 4)
                if window_ms and len(shares) == len(blocks)
                else None
            ),
        }
    )


def _together(blocks: Sequence[Cell]) -> list[Telemetry]:
    """One record for each device over all blocks, the time between them left out."""
    devices: dict[str, list[tuple[float, Telemetry]]] = {}
    for block in blocks:
        for part in block.telemetry:
            devices.setdefault(part.device, []).append((block.window_ms or 0, part))
    return [_over(parts, len(blocks)) for parts in devices.values()]


def _over(parts: Sequence[tuple[float, Telemetry]], blocks: int) -> Telemetry:
    known = [part for _, part in parts]
    total_ms = sum(window_ms for window_ms, _ in parts)
    sources = {part.energy_from for part in known}
    whole = len(known) == blocks and len(sources) == 1
    energies = [part.energy_j for part in known if part.energy_j is not None]
    powers = [ms * p.power_mean_w for ms, p in parts if p.power_mean_w is not None]
    clocks = [ms * p.core_clock_median_mhz for ms, p in parts if p.core_clock_median_mhz]
    energy_j = sum(energies) if whole and len(energies) == blocks else None
    return Telemetry(
        device=known[0].device,
        energy_j=None if energy_j is None else round(energy_j, 3),
        energy_from=known[0].energy_from if energy_j is not None else None,
        power_mean_w=round(sum(powers) / total_ms, 1) if len(powers) == blocks else None,
        power_max_w=max((p.power_max_w for p in known if p.power_max_w is not None), default=None),
        core_clock_min_mhz=min(
            (p.core_clock_min_mhz for p in known if p.core_clock_min_mhz is not None), default=None
        ),
        core_clock_median_mhz=round(sum(clocks) / total_ms, 1) if len(clocks) == blocks else None,
        temperature_max_c=max(
            (p.temperature_max_c for p in known if p.temperature_max_c is not None), default=None
        ),
        throttle_reasons=_reasons(known),
        covers=known[0].covers,
        samples=sum(p.samples for p in known),
        interval_ms=max((p.interval_ms for p in known if p.interval_ms is not None), default=None),
        complete=len(known) == blocks and all(p.complete for p in known),
    )


def _reasons(parts: Sequence[Telemetry]) -> list[str] | None:
    told = [part.throttle_reasons for part in parts if part.throttle_reasons is not None]
    return sorted({reason for reasons in told for reason in reasons}) if told else None
