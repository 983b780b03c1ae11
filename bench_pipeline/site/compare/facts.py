"""What a run was made with, fact by fact, so that two of them can be told apart by name."""

import json
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from bench_pipeline.site import wording
from bench_pipeline.site.arrangements import setup_words
from bench_pipeline.site.devices import on_cpu, short
from bench_pipeline.site.source import Row
from bench_pipeline.site.tables.rows import model_name
from bench_pipeline.warehouse.builds.compiled import features

Fact = str | tuple[str, ...]
"""One value, or several of which each may differ; empty where nobody knows."""

Facts = dict[str, Fact]
"""By what they are; every run has the same ones in the same order."""

UNKNOWN = "not recorded"
OF_ONE_START = ("--model", "--alias", "--host", "--port")
"""Arguments that are another fact already, or chance."""


@dataclass(frozen=True)
class Difference:
    fact: str
    a: str
    b: str


def facts_of(run: Row, rig_title: str, argv: Sequence[str], cells: Sequence[Row]) -> Facts:
    """`argv`: of the server that answered the fewest streams of that run; `cells`: its rows of
    `measurements`."""
    size = run["size_bytes"]
    cap = run["power_cap_w"]
    return {
        "Model": model_name(run["family"], run["variant"], run["quant"]),
        "Quant": run["quant"],
        "Quantized by": run["creator"] or "",
        "Model file": run["file_name"] or "",
        "Model SHA-256": (run["model_sha256"] or "")[:16],
        "File size": "" if size is None else wording.megabytes(size),
        "Machine": rig_title,
        "Device": short(run["cpu"] if on_cpu(run) else run["gpu"] or ""),
        "Power cap": "" if cap is None else f"{wording.trimmed(cap)} W",
        "Driver": run["driver"] or "",
        "System": run["os"],
        "Kernel": run["kernel"] or "",
        "Firmware": run["firmware"] or "",
        "Backend": ", ".join(
            filter(None, [wording.backend_name(run["backend"]), setup_words(run)])
        ),
        "Engine": run["engine"],
        "Build": run["build"],
        "Not told by the engine": wording.untold(run["untold"]) or ("nothing",),
        "Clocks": clocks(cells),
        "Several streams": several_streams(cells),
        "Length of replies": length_of_replies(cells),
        "Commit": run["commit"] or "",
        "Engine from": run["channel"] or "",
        "Binary SHA-256": (run["binary_sha256"] or "")[:16],
        "Compiled for": compile_features(run["system_info"] or ""),
        "Mode": run["mode"],
        "Draft model": run["draft"] or "",
        "Threads asked for": threads(argv, json.loads(run["env_json"])),
        "Arguments": arguments(argv),
        "Settings": tuple(f"{k} {v}" for k, v in json.loads(run["settings_json"]).items()),
        "Environment": tuple(f"{k}={v}" for k, v in sorted(json.loads(run["env_json"]).items())),
        "Provenance": run["provenance"],
        "Profile": run["profile"] or "",
        "Measured": wording.moment(run["started_at"]) if run["started_at"] else "",
    }


def arguments(argv: Sequence[str]) -> tuple[str, ...]:
    """Each flag with its value as one: `--threads 15`."""
    found: list[list[str]] = []
    for token in argv[1:]:
        if token.startswith("--") or not found:
            found.append([token])
        else:
            found[-1].append(token)
    return tuple(shlex.join(flag) for flag in found if flag[0] not in OF_ONE_START)


def clocks(cells: Sequence[Row]) -> str:
    """By how many each of the run's cells was timed; empty where no figure tells."""
    found = {cell["clocks"] for cell in cells if cell["clocks"]}
    if not found:
        return ""
    return "our clock alone" if 1 in found else "the engine's own clock and ours"


def several_streams(cells: Sequence[Row]) -> str:
    """How those of one cell were answered; empty where none had several."""
    many = [cell for cell in cells if cell["concurrency"] > 1]
    if any(cell["status"] == "ok" for cell in many):
        return "at once"
    return "one after the other" if any(c["failure_kind"] == "refused" for c in many) else ""


def length_of_replies(cells: Sequence[Row]) -> str:
    """Empty where there are none."""
    if not any(cell["n"] for cell in cells):
        return ""
    own = any("own-length" in cell["flags"] for cell in cells)
    return "as long as the model made them" if own else "as long as was asked for"


def threads(argv: Sequence[str], env: dict[str, str]) -> str:
    """As the engine was told; empty where nobody noted how it was started."""
    told = next(_told_threads(argv), env.get("OMP_NUM_THREADS"))
    if told is None:
        return "as many threads as it likes" if argv else ""
    return f"{told} thread" if told == "1" else f"{told} threads"


def _told_threads(argv: Sequence[str]) -> Iterator[str]:
    for word, value in pairwise(argv):
        if word in ("--threads", "-t", "--n_threads"):
            yield value


def compile_features(system_info: str) -> tuple[str, ...]:
    """`AVX2`, `CUDA ARCHS = 900`, ... from the engine's one line on itself."""
    told = features(system_info).items()
    return tuple(name if value == "1" else f"{name} = {value}" for name, value in told)


def differences(a: Facts, b: Facts) -> tuple[tuple[Difference, ...], tuple[str, ...]]:
    """What differs, and the names of known facts that are the same."""
    differ, same = [], []
    for fact, mine in a.items():
        theirs = b[fact]
        if mine == theirs:
            same += [fact] if mine else []
        else:
            differ.append(Difference(fact, _only(mine, theirs), _only(theirs, mine)))
    return tuple(differ), tuple(same)


def _only(mine: Fact, theirs: Fact) -> str:
    """Of several values those that the other side lacks."""
    if isinstance(mine, str):
        return mine or UNKNOWN
    own = [value for value in mine if value not in theirs]
    return ", ".join(own) or (wording.MISSING if mine else UNKNOWN)
