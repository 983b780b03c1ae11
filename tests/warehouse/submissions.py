"""Run files as strangers might send them: what was really measured here, with one thing changed."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

Document = dict[str, Any]
Change = Callable[[Document], object]


def requests(document: Document) -> Iterator[Document]:
    for cell in document["cells"]:
        yield from cell["requests"]


def each_request(change: Callable[[Document], object]) -> Change:
    return lambda document: [change(request) for request in requests(document)]


def each_cell(**what: Any) -> Change:
    return lambda document: [cell.update(what) for cell in document["cells"]]


def each_telemetry(change: Callable[[Document], object]) -> Change:
    return lambda document: [
        change(part) for cell in document["cells"] for part in cell["telemetry"]
    ]


def at(*path: str | int, **what: Any) -> Change:
    """Updates what lies at `path`."""

    def change(document: Document) -> None:
        found: Any = document
        for step in path:
            found = found[step]
        found.update(what)

    return change


def scaled(times: float, *names: str) -> Change:
    """Every request's times of these names, the gaps with the decode time."""

    def change(request: Document) -> None:
        for name in names:
            if request.get(name) is not None:
                request[name] = round(request[name] * times, 3)

    return each_request(change)


GAPS = ("itl_p50_ms", "itl_p95_ms", "itl_p99_ms", "itl_max_ms", "server_itl_p99_ms")


def faster_altogether(times: float) -> Change:
    """All clocks together, so that nothing of a request contradicts it: windows and energy stay."""

    def change(document: Document) -> None:
        names = ("ttft_ms", "first_visible_ms", "decode_ms", "end_to_end_ms", "sent_at_ms")
        scaled(1 / times, *names, "server_prompt_ms", "server_decode_ms", *GAPS)(document)
        for cell in document["cells"]:
            cell["window_ms"] = round(cell["window_ms"] / times, 3)
            for wave in cell["waves"]:
                wave["all_busy_ms"] = round(wave["all_busy_ms"] / times, 3)

    return change


def copy_cell(document: Document) -> None:
    first, second = document["cells"][:2]
    second["requests"] = [dict(request) for request in first["requests"]]


def copy_request(document: Document) -> None:
    first, second = document["cells"][0]["requests"][:2]
    second.update({name: first[name] for name in first if name.endswith("_ms")})


def copy_but_when(document: Document) -> None:
    """One request again and again, each a little later."""
    for cell in document["cells"]:
        first = cell["requests"][0]
        for number, request in enumerate(cell["requests"]):
            when = request["sent_at_ms"]
            request.update(first, sent_at_ms=when, wave=request["wave"], stream=request["stream"])
            request["decode_ms"] = round(first["decode_ms"] + number * 0.001, 3)


def evenly(document: Document) -> None:
    """Decode times that a formula made: equal steps from one to the next."""
    for cell in document["cells"]:
        first = cell["requests"][0]["decode_ms"]
        for number, request in enumerate(cell["requests"]):
            longer = round(first * (1 + 0.0001 * number), 3) - request["decode_ms"]
            request["decode_ms"] += longer
            request["end_to_end_ms"] = round(request["end_to_end_ms"] + longer, 3)
            request["server_decode_ms"] = request["decode_ms"]


def round_numbers(request: Document) -> None:
    for name, value in request.items():
        if name.endswith("_ms") and value is not None:
            request[name] = float(round(value))


def redated(document: Document) -> None:
    for name in ("started_at", "finished_at"):
        document[name] = document[name].replace(year=document[name].year - 1)


def redated_altogether(document: Document) -> None:
    redated(document)
    captured = document["inventory"]["captured_at"]
    document["inventory"]["captured_at"] = captured.replace(year=captured.year - 1)


def later(**by: float) -> Change:
    def change(document: Document) -> None:
        for name in ("started_at", "finished_at"):
            document[name] += timedelta(**by)
        document["inventory"]["captured_at"] += timedelta(**by)

    return change


def gpu(**what: Any) -> Change:
    return lambda document: document["inventory"]["gpus"][0].update(what)


def option(name: str, value: str) -> Change:
    def change(document: Document) -> None:
        argv = document["servers"][0]["argv"]
        argv[argv.index(name) + 1] = value

    return change


CPU_FORGERIES: dict[str, tuple[Change, str]] = {
    "decode times halved": (scaled(0.5, "decode_ms"), "gaps of"),
    "decode times halved, both clocks": (scaled(0.5, "decode_ms", "server_decode_ms"), "gaps of"),
    "decode and its gaps ten times faster": (
        scaled(0.1, "decode_ms", "server_decode_ms", *GAPS),
        "its streams for",
    ),
    "every clock a hundred times faster": (faster_altogether(100), "tok/s"),
    "prompts a thousand times faster by the server": (
        scaled(0.001, "server_prompt_ms"),
        "for the prompt",
    ),
    "first tokens before their prompts": (scaled(0.1, "ttft_ms"), "the server took"),
    "ends before the decode ends": (
        each_request(lambda r: r.update(end_to_end_ms=r["decode_ms"])),
        "end after",
    ),
    "a cell's samples in another": (copy_cell, "alike"),
    "a request twice": (copy_request, "alike"),
    "one request again and again": (copy_but_when, "regular"),
    "times made by a formula": (evenly, "regular"),
    "times in whole milliseconds": (each_request(round_numbers), "whole milliseconds"),
    "gaps of nothing": (
        each_request(lambda r: r.update(dict.fromkeys(GAPS[:4], 0.0))),
        "gaps of",
    ),
    "gaps that are all as short as half of them": (
        each_request(lambda r: r.update(dict.fromkeys(GAPS[1:4], r["itl_p50_ms"]))),
        "gaps of at most",
    ),
    "no time by the server": (each_request(lambda r: r.update(server_decode_ms=0)), "own clock"),
    "more tokens received than made": (
        each_request(lambda r: r.update(received_tokens=r["output_tokens"] * 2)),
        "tokens received of",
    ),
    "answers shorter than asked for": (
        each_request(lambda r: r.update(output_tokens=10, received_tokens=10)),
        "were asked for",
    ),
    "prompts shorter than due": (each_request(lambda r: r.update(prompt_tokens=3)), "were due"),
    "a warm cache": (each_request(lambda r: r.update(cached_tokens=20)), "cached"),
    "answers that ended by themselves": (
        each_request(lambda r: r.update(finish_reason="stop")),
        "not by its length",
    ),
    "waves with tokens of nobody": (
        lambda d: [w.update(all_busy_tokens=9999) for c in d["cells"] for w in c["waves"]],
        "its streams",
    ),
    "four streams where one was": (each_cell(concurrency=4), "streams"),
    "waves at one time": (
        each_request(lambda r: r.update(sent_at_ms=0.5)),
        "a wave begins at",
    ),
    "a window of a second": (each_cell(window_ms=1000), "into a window of"),
    "a CPU's run as a card's": (lambda d: d.update(backend="cuda"), "no card"),
    "another model's name": (
        at("model", slug="gemma-3-270m-q4_k_m"),
        "has the sum",
    ),
    "another file under the name": (at("model", sha256="ab" * 32), "has the sum"),
    "another file of another size": (at("model", size_bytes=999), "bytes"),
    "a sum of nothing but zeros": (at("engine", binary_sha256="0" * 64), "sum of the binary"),
    "last year": (redated, "when there was none above"),
    "last week, and its inventory of today": (
        lambda d: d.update({n: d[n] - timedelta(days=7) for n in ("started_at", "finished_at")}),
        "its inventory is of",
    ),
    "last year altogether": (redated_altogether, "when there was none above"),
    "next month": (later(days=40), "a time to come"),
    "before llama.cpp": (
        lambda d: d.update(started_at=d["started_at"].replace(year=2019)),
        "before llama.cpp",
    ),
    "finished before it started": (
        lambda d: d.update(finished_at=d["started_at"] - timedelta(hours=1)),
        "it finished at",
    ),
    "windows longer than the run": (
        lambda d: d.update(finished_at=d["started_at"] + timedelta(seconds=3)),
        "windows of",
    ),
    "a build to come": (at("engine", build="b99999"), "when there was none above"),
    "a commit that is none": (at("engine", commit="latest"), "is no commit"),
    "a harness that there is not": (at("harness", version="9.9"), "which there is not"),
    "a draft model that nobody had": (lambda d: d.update(mode="draft-x"), "drafting"),
    "a server without a command": (at("servers", 0, argv=[]), "nothing proves what ran"),
    "a server without its log": (at("servers", 0, log_proof=[]), "nothing proves what ran"),
    "a command of another model": (option("--model", "other.gguf"), "the command starts"),
    "four slots by the server, one by its command": (
        option("--parallel", "7"),
        "by its command",
    ),
    "a processor of two cores with 64": (
        at("inventory", "cpu", physical_cores=64),
        "cores",
    ),
    "a prompt cache switched on": (
        lambda d: d["servers"][0]["argv"].remove("--no-cache-prompt"),
        "cache",
    ),
    "memory of the model in no memory": (
        at("inventory", "memory", total_mib=60, available_mib=50),
        "memory",
    ),
}
"""Of a run on a processor: the change, and words of the reason that must be given."""


def cells_faster(times: float, *concurrencies: int) -> Change:
    """All of some cells, with window and energy, so that no cell contradicts itself."""

    def change(document: Document) -> None:
        cells = [c for c in document["cells"] if c["concurrency"] in concurrencies]
        faster_altogether(times)({"cells": cells})
        each_telemetry(lambda t: t.update(energy_j=t["energy_j"] and t["energy_j"] / times))(
            {"cells": cells}
        )

    return change


def a_cell_scaled(document: Document) -> None:
    """Another's samples, each a tenth longer."""
    first, second = document["cells"][:2]
    shown = first["requests"][: len(second["requests"])]
    for request, of in zip(second["requests"], shown, strict=False):
        request["decode_ms"] = round(of["decode_ms"] * 1.1, 3)


WHOLE_FORGERIES: dict[str, tuple[Change, str]] = {
    "four times as fast as its engine alone": (cells_faster(4, 1, 4), "its engine alone"),
    "twice as fast as its own curve": (cells_faster(2, 1), "the curve at most"),
    "twice as fast as at its end": (cells_faster(2, 1), "at the end"),
    "many streams faster than one": (cells_faster(4, 4), "alone"),
    "a cell's samples in another, a tenth longer": (a_cell_scaled, "times 1.1"),
}
"""The same of a whole run on a card, with its curve, its closing cell and the engine alone."""

GPU_FORGERIES: dict[str, tuple[Change, str]] = {
    "energy divided by ten": (each_telemetry(lambda t: t.update(energy_j=t["energy_j"] / 10)), "J"),
    "power divided by ten": (
        each_telemetry(lambda t: t.update(power_mean_w=t["power_mean_w"] / 10)),
        "J from",
    ),
    "both divided by ten": (
        each_telemetry(
            lambda t: t.update(
                power_mean_w=t["power_mean_w"] / 10,
                power_max_w=t["power_max_w"] / 10,
                energy_j=t["energy_j"] / 10,
            )
        ),
        "W",
    ),
    "power above the card's cap": (
        each_telemetry(
            lambda t: t.update(power_mean_w=900.0, power_max_w=2900.0, energy_j=t["energy_j"] * 6)
        ),
        "cap",
    ),
    "telemetry of no sample": (each_telemetry(lambda t: t.update(samples=0)), "no sample"),
    "more samples than its driver gives": (
        each_telemetry(lambda t: t.update(samples=9999)),
        "samples",
    ),
    "another card's name": (gpu(name="NVIDIA GeForce RTX 3060"), "RTX 3060"),
    "another card's memory": (gpu(memory_mib=8192.0), "MiB"),
    "a driver of another maker": (gpu(vendor="amd"), "NVIDIA"),
    "a cap that the card cannot have": (gpu(power_cap_w=5000.0), "cap"),
    "clocks above the card's own": (
        each_telemetry(lambda t: t.update(core_clock_median_mhz=9000.0)),
        "MHz",
    ),
    "a build that its version line denies": (at("engine", build="b4000"), "by its version line"),
    "no card at all": (
        lambda d: d["inventory"].update(gpus=[], engine_devices=[]),
        "no card",
    ),
    "a card's run as the processor's": (lambda d: d.update(backend="cpu"), "cpu"),
    "layers left on the host": (
        at("servers", 0, "memory", layers_offloaded=3),
        "layers",
    ),
}
"""The same of a run on a card."""
