"""Power, clocks, temperature, memory and strangers while a benchmark runs.

`Watch` samples every device in one thread for the life of a server; `Watch.window()` cuts one
cell out of it. NVIDIA GPUs are read by NVML, AMD's by amdgpu's files in /sys, processors by
RAPL, the host's memory and the server's resident set by psutil. Metal and SYCL devices are not
read. `python -m bench_pipeline.harness.telemetry` shows what can be read on this machine.
"""

from bench_pipeline.harness.telemetry.processes import programs
from bench_pipeline.harness.telemetry.sources import engine_names
from bench_pipeline.harness.telemetry.watch import Watch
from bench_pipeline.harness.telemetry.window import Window

__all__ = ["Watch", "Window", "engine_names", "programs"]
