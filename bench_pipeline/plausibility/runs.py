"""Rules about a whole run, and about a cell beside what its run says of machine and engine."""

import re
from collections import Counter
from datetime import timedelta

from bench_pipeline.measures.ceiling import ceiling_tok_s
from bench_pipeline.measures.formulas import decode_tok_s, prefill_tok_s
from bench_pipeline.plausibility.rule import CellRule, Facts, RunRule, first, median_rate
from bench_pipeline.records.cell import Cell
from bench_pipeline.records.engines import FIRST_OF_ALL, build_number, highest_build
from bench_pipeline.records.run import LLAMA_CPP, Run
from bench_pipeline.records.server import Server

AHEAD = timedelta(days=1)
"""Of the reader's clock; the rig's may stand in another zone by mistake."""
BEFORE_START = timedelta(minutes=30)

CEILING_TIMES = 3.0
HOST_BYTES_S, CARD_BYTES_S = 1.5e12, 1.0e13
CORE_OPS_S, CARD_OPS_S = 1.0e13, 1.0e16
SMALLEST_WEIGHT_BYTES = 0.15

CARDS_BYTES_S = {
    **{"H200": 4.8e12, "H100": 3.9e12, "A100": 2.1e12, "L40": 0.9e12, "A10": 0.6e12},
    **{"T4": 0.35e12, "V100": 1.2e12, "B200": 8.2e12, "MI300": 5.4e12, "MI250": 3.4e12},
    **{"RTX 5090": 1.8e12, "RTX 4090": 1.05e12, "RTX 3090": 1.05e12, "RTX 5080": 0.97e12},
    **{"RTX 4080": 0.75e12, "RTX 5070": 0.9e12, "RTX 4070": 0.68e12, "RTX 3060": 0.36e12},
}
"""By what its name contains; the fastest card of that name, from the makers' data sheets."""


def not_in_the_future(run: Run, facts: Facts | None) -> str | None:
    times = [t for t in (run.started_at, run.finished_at, run.inventory.captured_at) if t]
    latest = max(times, default=None)
    assert facts is not None
    if latest and latest > facts.now + AHEAD:
        return f"a time to come: {latest:%Y-%m-%d}, it is {facts.now:%Y-%m-%d}"
    if run.provenance == "measured" and times and min(times).date() < FIRST_OF_ALL:
        return f"a time before llama.cpp: {min(times):%Y-%m-%d}"
    return None


def in_order(run: Run, _: Facts | None) -> str | None:
    started, finished = run.started_at, run.finished_at
    if not (started and finished):
        return None
    if finished < started:
        return f"it finished at {finished} and started at {started}"
    measured_s = sum(cell.window_ms or 0 for cell in run.cells if not run.session) / 1000
    if measured_s > (finished - started).total_seconds() + 2:
        return f"windows of {measured_s:.0f} s within {(finished - started).total_seconds():.0f} s"
    captured = run.inventory.captured_at
    if captured and not started - BEFORE_START <= captured <= finished:
        return f"its inventory is of {captured}, it started at {started}"
    return None


def build_could_be(run: Run, _: Facts | None) -> str | None:
    started, build = run.started_at, run.engine.build
    number = int(build[1:]) if re.fullmatch(r"b[0-9]{1,18}", build) else -1
    if started is None or number <= highest_build(started.date()):
        return None
    return f"build {build} of {started:%Y-%m-%d}, when there was none above " + str(
        highest_build(started.date())
    )


def engine_agrees(run: Run, _: Facts | None) -> str | None:
    engine = run.engine
    commit, line, number = engine.commit, engine.version_line, build_number(engine.build)
    if commit and not re.fullmatch(r"[0-9a-f]{7,40}", commit):
        return f"`{commit[:20]}` is no commit"
    if line is not None and engine.name == LLAMA_CPP and not re.search("version|build", line):
        return f"`{line[:30]}` is no version line"
    if commit and line and commit[:7] not in line:
        return f"commit {commit} is not that of its version line"
    told = re.search(r"\bbuild[ :]+(\d{3,})|version: (\d{3,}) ", line or "")
    if told and number >= 0 and int(told[1] or told[2]) != number:
        return f"build {engine.build} by name, {told[1] or told[2]} by its version line"
    if engine.binary_sha256 and set(engine.binary_sha256) == {"0"}:
        return "a sum of the binary that no file has"
    if run.model.sha256 and set(run.model.sha256) == {"0"}:
        return "a sum of the model that no file has"
    return None


def log_agrees(run: Run, _: Facts | None) -> str | None:
    """The engine's own line in the log, where its log has one."""
    commit = run.engine.commit
    for server in run.servers:
        for line in server.log_proof:
            told = re.search(r"\bbuild: \d+ \(([0-9a-f]{7,40})\)", line)
            if told and commit and not (told[1].startswith(commit) or commit.startswith(told[1])):
                return f"its log is of commit {told[1]}, not {commit}"
    return None


def harness_known(run: Run, _: Facts | None) -> str | None:
    harness = run.harness
    if harness is None:
        return None
    if not re.fullmatch(r"0\.[0-9]{1,3}\.[0-9]{1,3}", harness.version):
        return f"measured by version {harness.version[:20]} of this code, which there is not"
    if harness.git_commit and not re.fullmatch(r"[0-9a-f]{7,40}(-dirty)?", harness.git_commit):
        return f"measured by commit `{harness.git_commit[:20]}`, which is none"
    return None


def mode_has_its_parts(run: Run, _: Facts | None) -> str | None:
    wanted = run.mode.removeprefix("draft-") if run.mode.startswith("draft-") else None
    drafted = run.draft.slug if run.draft else None
    if run.status == "ok" and wanted != drafted:
        return f"mode {run.mode} with {drafted or 'no model'} drafting"
    return None


def device_there(run: Run, _: Facts | None) -> str | None:
    found = run.inventory.gpus or run.inventory.engine_devices
    if run.plain_backend == "cpu" or found or run.status != "ok":
        return None
    return f"backend {run.backend} on a machine with no card, of whose devices none is the engine's"


def model_of_the_catalogue(run: Run, facts: Facts | None) -> str | None:
    """Another file under a name that stands here would be another model."""
    known = facts.catalogue.get(run.model.slug) if facts else None
    if known is None:
        return None
    ours = (run.model.sha256 or known.sha256, run.model.size_bytes or known.size_bytes)
    if ours == (known.sha256, known.size_bytes):
        return None
    return (
        f"its model file has the sum {ours[0][:12]}… and {ours[1]:,} bytes, that of "
        f"{run.model.slug} in content/models/ {known.sha256[:12]}… and {known.size_bytes:,}"
    )


def power_agrees(run: Run, cell: Cell) -> str | None:
    """Energy is power over the window, by one counter or the other."""
    for part in cell.telemetry:
        if not part.complete:
            continue
        if part.samples < 1:
            return f"complete telemetry of {part.device[:20]} from no sample"
        if part.power_mean_w and part.power_max_w and part.power_mean_w > 1.05 * part.power_max_w:
            return f"{part.power_mean_w:g} W on average, {part.power_max_w:g} W at most"
        if (part.power_mean_w or 0) > 3000:
            return f"{part.power_mean_w:g} W of one device"
        if part.energy_j is not None and part.power_mean_w and cell.window_ms and not run.session:
            share = part.energy_j / (part.power_mean_w * cell.window_ms / 1000)
            if not 0.5 < share < 2:
                return (
                    f"{part.energy_j:g} J from {part.power_mean_w:g} W over {cell.window_ms:g} ms"
                )
    return None


def server_proven(run: Run, cell: Cell) -> str | None:
    server = run.servers[cell.server] if cell.server is not None else None
    if server is None:
        return "no server answered it"
    silent = not server.log_proof and run.engine.name == LLAMA_CPP
    if not server.argv or silent or server.memory is None:
        return "nothing proves what ran: no command, no lines of its log, no memory"
    return first([_slots(server, cell), _command_of(run, server)])


def _slots(server: Server, cell: Cell) -> str | None:
    if server.slots is not None and server.slots < cell.concurrency:
        return f"{cell.concurrency} streams on {server.slots} slots"
    given = _option(server.argv, "--parallel")
    if given is not None and server.slots is not None and given != str(server.slots):
        return f"{server.slots} slots by the server, {given[:20]} by its command"
    return None


def _command_of(run: Run, server: Server) -> str | None:
    given = _option(server.argv, "--model")
    if given and run.model.file_name and given != run.model.file_name:
        return f"the command starts {given[:40]}, the model is {run.model.file_name[:40]}"
    return None


def _option(argv: list[str], name: str) -> str | None:
    return argv[argv.index(name) + 1] if name in argv[:-1] else None


def decode_within_memory(run: Run, cell: Cell) -> str | None:
    """Every token reads the weights: one stream no faster than the memory."""
    rate = median_rate(cell, decode_tok_s)
    if rate is None or run.draft is not None or run.model.experts:
        return None
    ceiling = ceiling_tok_s(run, cell)
    if ceiling and rate > CEILING_TIMES * ceiling:
        return f"{rate:,.0f} tok/s, {rate / ceiling:.1f} times what the memory allows"
    size_bytes = run.model.size_bytes
    at_most = _memory_bytes_s(run)
    if size_bytes and rate * size_bytes > at_most:
        told = f"{rate:,.0f} tok/s read {rate * size_bytes:.2g} bytes/s, no such memory reads"
        return f"{told} {at_most:.2g}"
    return None


def _memory_bytes_s(run: Run) -> float:
    """With room for weights that a cache holds, of which only small models have all."""
    small = (run.model.size_bytes or 0) < 2**29
    if run.plain_backend == "cpu":
        cores = run.inventory.cpu.logical_cores or 256
        return max(1.0e11, min(HOST_BYTES_S, cores * 5.0e10)) * (CEILING_TIMES if small else 1)
    gpus = run.inventory.gpus
    of_cards = [
        max((speed for part, speed in CARDS_BYTES_S.items() if part in gpu.name), default=0)
        for gpu in gpus
    ]
    known = sum(speed or CARD_BYTES_S for speed in of_cards) or CARD_BYTES_S
    return known * (CEILING_TIMES if small else 1.1)


def prefill_within_arithmetic(run: Run, cell: Cell) -> str | None:
    """Every token of a prompt takes two operations of each weight."""
    rate = median_rate(cell, prefill_tok_s)
    size_bytes = run.model.size_bytes
    weights = run.model.parameters or (size_bytes or 0) * SMALLEST_WEIGHT_BYTES
    if rate is None or run.model.experts or not weights:
        return None
    if run.plain_backend == "cpu":
        at_most = CORE_OPS_S * (run.inventory.cpu.logical_cores or 256)
    else:
        at_most = CARD_OPS_S * max(1, len(run.inventory.gpus))
    ops = 2 * weights * rate
    if ops <= at_most:
        return None
    return f"{rate:,.0f} tok/s of a prompt are {ops:.2g} operations a second"


def no_copied_cells(run: Run, _: Facts | None) -> str | None:
    def of_requests(cell: Cell) -> list[tuple[float, float, float]]:
        return [(r.ttft_ms, r.decode_ms, r.end_to_end_ms) for r in cell.requests]

    seen = Counter(times for cell in run.cells for times in set(of_requests(cell)))
    times, often = seen.most_common(1)[0] if seen else ((0, 0, 0), 0)
    return f"requests alike in {often} cells: decode {times[1]:g} ms" if often > 1 else None


_ENGINE = "the harness asks the engine itself"

RUN_RULES = (
    RunRule(
        "future",
        f"no time later than {AHEAD.days} day from now, none before llama.cpp",
        "calendar",
        not_in_the_future,
        "refused",
    ),
    RunRule(
        "build",
        "a build number that the day allows",
        "llama.cpp counts its commits: 8 a day since 2023-03-10, 10 assumed",
        build_could_be,
        "refused",
    ),
    RunRule(
        "order",
        "inventory, start, windows and end within each other",
        "they are stamps of one machine",
        in_order,
    ),
    RunRule(
        "engine", "commit, build and version line agree; sums of files", _ENGINE, engine_agrees
    ),
    RunRule("log", "the log's own commit is the engine's", _ENGINE, log_agrees),
    RunRule("harness", "a version and a commit that this code can have", "git", harness_known),
    RunRule("mode", "a drafting mode, and only that, has its model", _ENGINE, mode_has_its_parts),
    RunRule("device", "a backend but cpu has a card or a device", _ENGINE, device_there),
    RunRule(
        "catalogue",
        "sum and size of the model are those of the catalogue, where it has the name",
        "content/models/: another file needs a name of its own",
        model_of_the_catalogue,
    ),
    RunRule("copied-cells", "no request in two cells", "microseconds differ", no_copied_cells),
)

PLACE_RULES = (
    CellRule(
        "proof", "command, log and memory of the server that answered", _ENGINE, server_proven
    ),
    CellRule(
        "decode",
        f"decode ≤ {CEILING_TIMES:g} × the ceiling by its bandwidth; a card's and a core's own",
        "makers' data sheets; a cache may hold a small model",
        decode_within_memory,
    ),
    CellRule(
        "prefill",
        f"2 × weights × prefill ≤ {CARD_OPS_S:g}/s a card, {CORE_OPS_S:g}/s a thread",
        "the fastest cards in 4 bits; AMX in 8 bits",
        prefill_within_arithmetic,
    ),
    CellRule(
        "power",
        "energy = power × window within a factor of 2; mean ≤ most; some samples",
        "1.00 to 1.02 in all runs of this checkout",
        power_agrees,
    ),
)
