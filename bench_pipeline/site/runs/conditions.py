"""Under which conditions a run was measured, in words: memory, knee, drift, host, bandwidth."""

import json
import shlex
from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from bench_pipeline.measures.drift import DRIFT_FLOOR
from bench_pipeline.models.context import USUAL_TYPE
from bench_pipeline.records.server import Buffer, DeviceMemory, MemoryProof
from bench_pipeline.site import wording
from bench_pipeline.site.arrangements import arrangement_of
from bench_pipeline.site.source import Row

Facts = tuple[tuple[str, str], ...]

_NO_PROOF = '{"verdict": "unverified", "reason": "it never came to that"}'


@dataclass(frozen=True)
class Held:
    """One device's buffers, MiB."""

    device: str
    mib: tuple[str, ...]
    """In the order of `HOLDS`."""


@dataclass(frozen=True)
class Used:
    """Memory of one device over the life of a server, MiB."""

    device: str
    mib: tuple[str, ...]
    """In the order of `MOMENTS`."""


HOLDS = {"weights": "weights", "kv": "KV cache", "compute": "compute", "output": "output"}
MOMENTS = {
    "total_mib": "size",
    "used_before_mib": "before",
    "used_loaded_mib": "loaded",
    "used_peak_mib": "peak",
    "ours_loaded_mib": "server loaded",
    "ours_peak_mib": "server peak",
}


@dataclass(frozen=True)
class ServerSection:
    """One start of the engine."""

    title: str
    facts: Facts
    failure: str
    log_tail: tuple[str, ...]
    """Its last lines, where it failed."""
    command: str
    log_proof: tuple[str, ...]
    buffers: tuple[Held, ...]
    """What its log says it put where."""
    devices: tuple[Used, ...]
    """What driver and kernel say was used."""


def findings(run: Row, rig: Row, servers: list[Row]) -> Facts:
    """What a reader of the run's numbers must know first; only what is known. `rig`: of table
    `rigs`."""
    found = (
        ("Sender", sender(run, rig)),
        ("Memory", memory(servers) or _memory_said(run)),
        ("Knee", knee(run)),
        ("Drift", drift(run)),
        ("Host", host(run)),
        ("Session", session(run)),
        ("Unknown", " ".join(run["unknown"])),
    )
    return tuple((label, words) for label, words in found if words)


def sender(run: Row, rig: Row) -> str:
    """`sent by anna, signed with the key of this machine`; empty for the owner's own, unsigned."""
    sent = f"sent by {run['submitted_by']}" if run["submitted_by"] else ""
    if run["signed_by"] is None:
        signed = "unsigned" if sent or rig["public_key"] else ""
    elif run["signed_by"] == rig["public_key"]:
        signed = "signed with the key of this machine"
    else:
        signed = "signed with a key that this machine's file does not name"
    return ", ".join(filter(None, (sent, signed)))


def _memory_said(run: Row) -> str:
    """By the settings of an imported run."""
    reason = run["bare_memory_reason"]
    return f"{run['memory_verdict']} ({reason})" if reason else ""


def energy(telemetry: list[Row]) -> Facts:
    """Whose power it was, where not the GPU's alone. `telemetry`: of one run."""
    whole = dict.fromkeys(row["device"] for row in telemetry if row["covers"] == "package")
    if not whole:
        return ()
    chip = f"{wording.listed(list(whole))} and the CPU are one chip"
    return (("Energy", f"{chip}: power and energy are of both together"),)


def memory(servers: list[Row]) -> str:
    """`fits at 1, 4 and 8 streams`; with the reason where it does not, or nobody could tell."""
    by_verdict: dict[str, list[Row]] = defaultdict(list)
    for server in servers:
        if server["memory_verdict"]:
            by_verdict[server["memory_verdict"]].append(server)
    sentences = []
    for verdict in ("spilled", "unverified", "placed", "fits"):
        concerned = by_verdict[verdict]
        streams = sorted({c for server in concerned for c in server["concurrencies"]})
        where = f" at {_streams(streams)}" if streams else ""
        if concerned:
            reasons = dict.fromkeys(server["memory_reason"] for server in concerned)
            because = "" if verdict == "fits" else f" ({'; '.join(reasons)})"
            sentences.append(f"{verdict}{where}{because}")
    return "; ".join(sentences)


def _streams(concurrencies: list[int]) -> str:
    many = "" if concurrencies == [1] else "s"
    return f"{wording.listed([str(c) for c in concurrencies])} stream{many}"


def knee(run: Row) -> str:
    """`grows to 8 streams; 16 add 2 %`, or why no knee is known."""
    if run["knee"] is not None:
        gain = round(run["after_knee_gain"] * 100)
        change = f"add {gain} %" if gain > 0 else f"lose {-gain} %" if gain < 0 else "add nothing"
        up_to = wording.counted(run["knee"], "stream")
        return f"all together grow up to {up_to}; {run['after_knee']} {change}"
    tried = run["ladder"] or []
    if run["ladder_ended"] == "limit":
        return f"still growing at {tried[-1]} streams, the most that is tried"
    if run["ladder_ended"] == "failed":
        return f"not reached: {_streams([tried[-1]])} could not be measured"
    return ""


def drift(run: Row) -> str:
    """`ended 1.2 % slower than it began, within its interval (−2.1 to +0.3 %)`."""
    ratio, low, high = run["drift_ratio"], run["drift_lo"], run["drift_hi"]
    if ratio is None:
        return ""
    change = (ratio - 1) * 100
    if round(abs(change), 1) == 0:
        words = "ended as fast as it began"
    else:
        words = f"ended {abs(change):.1f} % {'faster' if change > 0 else 'slower'} than it began"
    if low is None or high is None:
        return words
    interval = f"95 %: {_signed(low)} to {_signed(high)} %"
    if run["drifted"]:
        return f"{words}: the machine changed while it was measured ({interval})"
    if low <= 1 <= high:
        return f"{words}, within its interval ({interval})"
    return f"{words}, not clearly beyond the {DRIFT_FLOOR * 100:.0f} % that count ({interval})"


def _signed(ratio: float) -> str:
    change = round((ratio - 1) * 100, 1)
    return f"{'−' if change < 0 else '+'}{abs(change):.1f}"


def host(run: Row) -> str:
    """Whether anything else ran before the start; empty for runs that did not look."""
    if run["quiet"] is None:
        return ""
    waited = f" {run['waited_s']:.0f} s" if run["waited_s"] else ""
    busy = wording.percent(run["cpu_busy_before"])
    beside = ""
    if run["processes_on_other_gpus"]:
        programs = wording.counted(run["processes_on_other_gpus"], "program")
        beside = f"; {programs} computed on GPUs that this run does not use"
    if run["quiet"]:
        return f"quiet{f' after waiting{waited}' if waited else ''}, CPU {busy} busy before{beside}"
    others = ""
    if run["foreign_gpu_processes"]:
        programs = wording.counted(run["foreign_gpu_processes"], "other program")
        others = f", {programs} on the GPU"
    return (
        f"not quiet{f' after waiting{waited}' if waited else ''}, and measured all the same: "
        f"CPU {busy} busy before{others}{beside}; provisional"
    )


def session(run: Row) -> str:
    """`in turns with b10068 and b10092: 12 blocks in all, until every ratio was known`."""
    if not run["session_id"]:
        return ""
    others = [build for build in run["session_builds"] if build != run["build"]]
    ended = {
        "known": "until every ratio was known",
        "budget": "until the time was used up",
        "failed": "until a build could not go on",
    }[run["session_ended"]]
    return (
        f"measured in turns with {wording.listed(others)}, "
        f"{wording.counted(len(run['session_blocks']), 'block')} in all, {ended}"
    )


def bandwidths(run: Row) -> Facts:
    return tuple(
        (
            f"Bandwidth of {part['device']}",
            f"{part['bytes_per_s'] / 1e9:,.1f} GB/s, {part['source']}: {part['how']}",
        )
        for part in json.loads(run["bandwidth_json"])
    )


def of_deep_curve(run: Row) -> tuple[str, ...]:
    """In what the cache is kept, and which lengths are not there; nothing of a usual curve."""
    if "deep" not in run["parts"]:
        return ()
    asked = arrangement_of(run)
    types = [asked.get(f"cache_type_{of}") or USUAL_TYPE for of in "kv"]
    kept = " and values in ".join(dict.fromkeys(types))
    notes = [f"The KV cache is kept in {kept}." if len(set(types)) == 1 else f"Keys in {kept}."]
    lengths: dict[str, list[str]] = defaultdict(list)
    for each in json.loads(run["depths_left_out_json"]):
        lengths[each["message"]].append(f"{each['depth_tokens']:,}")
    notes += [
        f"Not measured with a prompt of {wording.listed(left)} tokens: {message}."
        for message, left in lengths.items()
    ]
    return tuple(notes)


def server_sections(
    servers: list[Row], points: list[Row], blocks: Sequence[int] = (), told: Sequence[Row] = ()
) -> tuple[ServerSection, ...]:
    """`points`: the run's curve, which names the servers that answered it, as its conversations
    (`told`) do; `blocks`: the server of each block, for a run of a session."""
    with_curve = {point["server"] for point in points}
    titles = {number: f"Server of block {k}" for k, number in enumerate(blocks, start=1)}
    titles |= {each["server"]: f"Server for {each['title']}" for each in told}
    return tuple(
        _section(server, titles.get(server["server"]) or _title(server, with_curve))
        for server in servers
    )


def _title(server: Row, with_curve: Collection[int]) -> str:
    served = [_streams(server["concurrencies"])] if server["concurrencies"] else []
    served += ["the curve over prompt lengths"] if server["server"] in with_curve else []
    return f"Server for {wording.listed(served)}" if served else "Server"


def _section(server: Row, title: str) -> ServerSection:
    layers = None
    if server["layers_total"] is not None:
        layers = f"{server['layers_offloaded']} of {server['layers_total']} on the GPU"
    memory = None
    if server["memory_verdict"]:
        memory = f"{server['memory_verdict']}: {server['memory_reason']}"
    proof = MemoryProof.model_validate_json(server["memory_json"] or _NO_PROOF)
    context = server["context_tokens_per_slot"]
    facts = (
        ("Slots", None if server["slots"] is None else str(server["slots"])),
        ("Context", None if context is None else f"{context:,} tokens a slot"),
        ("Loaded in", None if server["load_ms"] is None else f"{server['load_ms'] / 1000:.1f} s"),
        ("Layers", layers),
        ("Memory", memory),
    )
    failure = ""
    if server["failure_kind"]:
        failure = f"{wording.failure(server['failure_kind'])}: {server['failure_message']}"
    return ServerSection(
        title=title,
        facts=tuple((label, words) for label, words in facts if words),
        failure=failure,
        log_tail=tuple(server["failure_log_tail"] or ()),
        command=shlex.join(server["argv"] or []),
        log_proof=tuple(server["log_proof"] or ()),
        buffers=_held(proof.buffers),
        devices=tuple(_used(device) for device in proof.devices),
    )


def _held(buffers: list[Buffer]) -> tuple[Held, ...]:
    """Summed over model and draft model, devices in the log's order."""
    sums: dict[str, dict[str, float]] = {}
    for buffer in buffers:
        of = sums.setdefault(buffer.device, {})
        of[buffer.holds] = of.get(buffer.holds, 0) + buffer.mib
    return tuple(
        Held(device, tuple(wording.decimal(of.get(holds)) for holds in HOLDS))
        for device, of in sums.items()
    )


def _used(device: DeviceMemory) -> Used:
    return Used(
        device.device, tuple(wording.decimal(getattr(device, moment)) for moment in MOMENTS)
    )
