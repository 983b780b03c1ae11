"""How much memory a model took while it answered."""

from bench_pipeline.measures.ceiling import HOST
from bench_pipeline.records.cell import Cell
from bench_pipeline.records.run import Run


def memory_peak_mib(run: Run, cell: Cell) -> float | None:
    """Most that the cell's server held on the devices of its backend, MiB; by the driver's account
    of it, the kernel's on a CPU. None if that of one device is unknown."""
    if cell.server is None or cell.server >= len(run.servers):
        return None
    memory = run.servers[cell.server].memory
    peaks = [
        device.ours_peak_mib
        for device in (memory.devices if memory else [])
        if (device.device == HOST) == (run.plain_backend == "cpu")
    ]
    known = [peak for peak in peaks if peak is not None]
    return sum(known) if known and len(known) == len(peaks) else None
