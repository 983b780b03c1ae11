"""How fast decoding could be at most: memory bandwidth over what each token makes it read.

One stream decodes a token by reading every weight once and the KV cache of all tokens before
it; at one stream this, not arithmetic, is the bound (the memory side of the roofline: Williams,
Waterman & Patterson, Communications of the ACM 52(4), 2009; for decoding: Pope et al.,
Efficiently Scaling Transformer Inference, 2022, section 2).

A rate may come out above it. Weights that fit a cache are not read from memory each time (the
last-level cache of a large CPU or GPU holds a small model), and a measured bandwidth is what
one loop attained, not a bound. Then, and where others used the machine meanwhile, there is no
share to speak of. It may also be a few percent low: on a CPU the token embedding
counts in full, of which a token reads one row unless it is the output layer too; and a KV cache
with a sliding window, which stops growing, counts in proportion all the same.
"""

from dataclasses import dataclass

import numpy as np

from bench_pipeline.measures.cells import figures_of
from bench_pipeline.measures.curves import curve_figures
from bench_pipeline.records.cell import Cell, CurvePoint, Request
from bench_pipeline.records.run import Run
from bench_pipeline.records.server import Bandwidth, Server

MIB = 2**20
HOST = "host"


@dataclass(frozen=True)
class Ceiling:
    """Highest decode rate of one stream that the memory's bandwidth allows."""

    tok_s: float
    bytes_per_token: float
    """Weights and KV cache, read once."""
    bandwidth: Bandwidth
    """Theoretical where it is known, else measured."""


def ceiling_of(run: Run, place: Cell | CurvePoint | int) -> Ceiling | None:
    """At a cell, a point of a curve, or with so many tokens of context.

    None where no such bound can be said: more than one stream (they share each reading of the
    weights), a draft model (several tokens a reading), a mixture of experts or a file whose log
    did not say that it is none (each token reads some weights only), a model that lies in two
    places (as was asked, or not) or where nobody could tell, or no bandwidth.
    """
    if isinstance(place, Cell) and place.concurrency > 1:
        return None
    if run.draft is not None or run.model.experts != 0:
        return None
    number = 0 if isinstance(place, int) else place.server
    if number is None or number >= len(run.servers):
        return None
    server, depth_tokens = run.servers[number], _depth_tokens(place)
    device = _computes_on(run, server)
    bandwidth = _bandwidth(run, device)
    if device is None or bandwidth is None or depth_tokens is None:
        return None
    weights = _weights_bytes(run, server, device)
    kv_per_token = _kv_bytes_per_token(server)
    if weights is None or kv_per_token is None:
        return None
    bytes_per_token = weights + kv_per_token * depth_tokens
    return Ceiling(bandwidth.bytes_per_s / bytes_per_token, bytes_per_token, bandwidth)


def ceiling_tok_s(run: Run, place: Cell | CurvePoint | int) -> float | None:
    """Bandwidth / bytes read per output token; None as `ceiling_of` says."""
    ceiling = ceiling_of(run, place)
    return ceiling.tok_s if ceiling else None


def share_of_ceiling(run: Run, place: Cell | CurvePoint) -> float | None:
    """Decode rate / ceiling at the same place; None as `as_share` says."""
    figures = figures_of(place) if isinstance(place, Cell) else curve_figures(place)
    if place.status != "ok" or figures.decode_tok_s is None:
        return None
    return as_share(run, place, figures.decode_tok_s.median)


def as_share(run: Run, place: Cell | CurvePoint, decode_tok_s: float) -> float | None:
    """Of the ceiling there, from 0 to 1. None without a ceiling, above it, or where the host was
    not quiet: what bounds the rate is then something else."""
    ceiling = ceiling_tok_s(run, place)
    if ceiling is None or (run.host_load and run.host_load.quiet is False):
        return None
    return decode_tok_s / ceiling if decode_tok_s <= ceiling else None


def _depth_tokens(place: Cell | CurvePoint | int) -> float | None:
    """Context in the middle of the answer: the prompt, and half of what was written."""
    if isinstance(place, int):
        return place
    requests = place.requests if isinstance(place, Cell) else place.cold

    def middle(request: Request) -> float:
        return request.prompt_tokens + request.output_tokens / 2

    return float(np.median([middle(request) for request in requests])) if requests else None


def _computes_on(run: Run, server: Server) -> str | None:
    """The one device that holds the weights by the engine's list, `host` on a CPU; else None."""
    if server.memory is None or server.memory.verdict in ("spilled", "placed"):
        return None
    if run.plain_backend == "cpu":
        return HOST
    listed = {device.id for device in run.inventory.engine_devices}
    held = {_device(b.device) for b in server.memory.buffers if b.holds == "weights"} & listed
    return held.pop() if len(held) == 1 else None


def _device(name: str) -> str:
    """`MTL0` of `MTL0_Mapped`."""
    return name.split("_")[0]


def _bandwidth(run: Run, device: str | None) -> Bandwidth | None:
    """What the hardware can do at most comes before what a loop attained."""
    known = [bandwidth for bandwidth in run.bandwidth if bandwidth.device == device]
    known.sort(key=lambda bandwidth: bandwidth.source != "theoretical")
    return known[0] if known else None


def _weights_bytes(run: Run, server: Server, device: str) -> float | None:
    """On a GPU what lies there, without the token embedding in host memory; on a CPU the file, but
    for layers that the server ignores."""
    if device == HOST:
        size_bytes, unused_mib = run.model.size_bytes, server.memory and server.memory.unused_mib
        return size_bytes and size_bytes - (unused_mib or 0) * MIB
    buffers = server.memory.buffers if server.memory else []
    mib = sum(
        b.mib
        for b in buffers
        if b.of == "model" and b.holds == "weights" and _device(b.device) == device
    )
    return mib * MIB or None


def _kv_bytes_per_token(server: Server) -> float | None:
    """The KV cache's size / the tokens that it has room for."""
    buffers = server.memory.buffers if server.memory else []
    mib = sum(b.mib for b in buffers if b.of == "model" and b.holds == "kv")
    if not mib or not server.slots or not server.context_tokens_per_slot:
        return None
    return mib * MIB / (server.slots * server.context_tokens_per_slot)
