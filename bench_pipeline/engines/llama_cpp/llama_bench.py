"""The bare engine: `llama-bench` of the same build, with the same model, without a server.

What llama-server costs is its speed against this. Both must then be set alike. By the sources
of b11434 (common/common.h, tools/llama-bench/llama-bench.cpp) their defaults agree in all that
the rig file leaves alone: batches of 2048 and 512, f16 KV cache, flash attention `auto`, poll
50, normal priority, repacked weights, memory-mapped file, no full-size sliding window. Older
llama-bench had flash attention off and knew no `auto`, so it is always named here: such a
build is refused by its own option parser instead of measured differently.

What remains different is what the comparison is for: HTTP, templates, tokenizing, sampling,
slots. llama-bench feeds random tokens and samples none.
"""

import json
import os
import re
import select
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

from bench_pipeline.engines import guard
from bench_pipeline.engines.llama_cpp.command import arrangement_options
from bench_pipeline.engines.llama_cpp.environment import launch_environment
from bench_pipeline.engines.llama_cpp.installed import InstalledEngine, does_not_run
from bench_pipeline.engines.llama_cpp.llama_bench_output import BenchRow, read_rows
from bench_pipeline.engines.llama_cpp.log_reading import ending, out_of_memory, scrub
from bench_pipeline.engines.secrets import arguments_without_secrets
from bench_pipeline.progress import Reporter, Step
from bench_pipeline.records.cell import Failure
from bench_pipeline.records.rig import Backend, BackendSetup
from bench_pipeline.records.server import BareEngine

PROGRAM = "llama-bench"

_LOOK_S = 0.5
_LOG_TAIL_LINES = 15
_DID_NOT_START = (126, 127, -4)
"""Shell: may not be executed, lacks a library; SIGILL."""

_SAME_VALUE = {
    **dict.fromkeys(("-b", "--batch-size"), "-b"),
    **dict.fromkeys(("-ub", "--ubatch-size"), "-ub"),
    **dict.fromkeys(("-ctk", "--cache-type-k"), "-ctk"),
    **dict.fromkeys(("-ctv", "--cache-type-v"), "-ctv"),
    **dict.fromkeys(("-fa", "--flash-attn"), "-fa"),
    **dict.fromkeys(("-ncmoe", "--n-cpu-moe"), "-ncmoe"),
    **dict.fromkeys(("-ts", "--tensor-split"), "-ts"),
    **dict.fromkeys(("-ot", "--override-tensor"), "-ot"),
    **dict.fromkeys(("-lm", "--load-mode"), "-lm"),
    **dict.fromkeys(("-C", "--cpu-mask"), "-C"),
    **{option: option for option in ("--cpu-strict", "--poll", "--prio", "--numa")},
}
"""llama-server's option to llama-bench's of the same meaning."""

_SEPARATOR = {"-ts": "/", "-ot": ";"}
"""What joins the parts of a value here, where llama-server has a comma: to llama-bench a comma
means another test."""

_SWITCHES = {
    **dict.fromkeys(("-nkvo", "--no-kv-offload"), ("-nkvo", "1")),
    "--no-op-offload": ("-nopo", "1"),
    "--no-host": ("--no-host", "1"),
    **dict.fromkeys(("-cmoe", "--cpu-moe"), ("-ot", "ffn_(up|down|gate|gate_up)_(ch|)exps=CPU")),
    **dict.fromkeys(("-nr", "--no-repack"), ("--repack", "0")),
}

_SERVER_ONLY = {
    **dict.fromkeys(("--jinja", "--no-jinja", "--metrics", "--slots", "--no-slots"), 0),
    **dict.fromkeys(
        ("--chat-template", "--chat-template-file", "--slot-save-path", "--log-file"), 1
    ),
}
"""Options that change no speed, and how many values each has."""


class CannotBeAlikeError(Exception):
    """The rig file sets llama-server in a way that llama-bench cannot be set."""


def run_llama_bench(
    engine: InstalledEngine,
    model: Path,
    *,
    backend: Backend,
    setup: BackendSetup,
    threads: int,
    devices: Sequence[str],
    depths: Sequence[int],
    output_tokens: int,
    repetitions: int,
    timeout_s: float,
    reporter: Reporter,
) -> BareEngine | None:
    """Prefill of each of `depths` tokens, and decoding of `output_tokens` after each.

    None where no llama-bench lies beside llama-server. `devices` are those that the server was
    pinned to. `timeout_s` is for all tests together. What goes wrong is the result's failure;
    the tests that were done by then are kept.
    """
    program = engine.binary.with_name(PROGRAM)
    if not program.is_file():
        return None
    try:
        settings = bench_settings(backend=backend, setup=setup, threads=threads, devices=devices)
    except CannotBeAlikeError as error:
        return BareEngine(failure=Failure(kind="refused", message=str(error)))
    head = [str(program), "-m", str(model), *settings, "-r", str(repetitions), "-o", "jsonl"]
    lengths = ",".join(str(depth) for depth in depths if depth)
    # Two commands: it makes each of its tests at each of its depths.
    commands = [[*head, "-p", lengths, "-n", "0"]] if lengths else []
    commands += [[*head, "-p", "0", "-n", str(output_tokens), "-d", ",".join(map(str, depths))]]

    private = [model.parent, program.parent, engine.library_dir, Path.home()]
    environment = launch_environment(engine.library_dir, setup.env)
    deadline = time.monotonic() + timeout_s
    rows: list[BenchRow] = []
    failure: Failure | None = None
    what = f"{model.name}: the engine without a server"
    with reporter.step(what, total=2 * len(depths) - (0 in depths)) as step:
        for command in commands:
            done = _run(command, environment, deadline, step)
            rows += done.rows
            failure = failure or _why_it_failed(done, timeout_s, private)
    if rows and (stranger := _of_another_build(rows[0], engine)):
        rows, failure = [], Failure(kind="refused", message=stranger)
    return BareEngine(
        version_line=rows[0].version_line if rows else None,
        argv=_public(commands, private),
        tests=[row.test for row in rows],
        failure=failure,
    )


def bench_settings(
    *, backend: Backend, setup: BackendSetup, threads: int, devices: Sequence[str]
) -> list[str]:
    """llama-bench's options for what `LlamaServer` would be started with.

    CannotBeAlikeError if the rig file's `args` or `env` hold what llama-bench has no word for:
    better no comparison than one between two settings.
    """
    layers = setup.gpu_layers
    if backend == "cpu":
        placed = ["-ngl", str(layers or 0), "-dev", "none"]
    else:
        placed = ["-ngl", str(999 if layers is None else layers), "-dev", "/".join(devices)]
        placed += ["-sm", setup.split_mode] if setup.split_mode else []
        if setup.main_gpu is not None and setup.main_gpu < len(devices):  # else it is the only one
            placed += ["-mg", str(setup.main_gpu)]
    if variable := next((name for name in setup.env if name.startswith("LLAMA_ARG_")), None):
        raise CannotBeAlikeError(f"llama-bench does not read {variable}, which the rig file sets")
    more = dict(_translated([*arrangement_options(setup), *setup.args]))
    return ["-t", str(threads), *placed, *sum(({"-fa": "auto"} | more).items(), ())]


def _translated(arguments: Sequence[str]) -> Iterator[tuple[str, str]]:
    waiting = list(reversed(arguments))
    while waiting:
        option = waiting.pop()
        if option in _SWITCHES:
            yield _SWITCHES[option]
        elif option in _SERVER_ONLY:
            del waiting[len(waiting) - _SERVER_ONLY[option] :]
        elif option in _SAME_VALUE and waiting:
            name = _SAME_VALUE[option]
            value = waiting.pop()
            value = value.replace(",", _SEPARATOR[name]) if name in _SEPARATOR else value
            if "," in value:
                raise CannotBeAlikeError(f"to llama-bench `{option} {value}` means several tests")
            yield name, value
        else:
            raise CannotBeAlikeError(
                f"llama-bench has no equal of `{option}`, which the rig file's `args` hold"
            )


@dataclass
class _Done:
    """One command's end. `status` None: it was stopped because its time was up."""

    rows: list[BenchRow] = field(default_factory=list)
    log: list[str] = field(default_factory=list)
    status: int | None = None
    not_started: str | None = None


def _run(command: list[str], environment: dict[str, str], deadline: float, step: Step) -> _Done:
    if time.monotonic() > deadline:
        return _Done()
    with TemporaryDirectory(prefix="llama-bench-") as folder:
        output, log = Path(folder, "output.jsonl"), Path(folder, "log")
        output.touch()
        done = _Done()
        with _guarded(command, environment, output, log) as guarding:
            assert guarding.stdout is not None
            answer = json.loads(guarding.stdout.readline() or b"{}")
            done.not_started = None if "pid" in answer else answer.get("error", "its guard ended")
            told = 0
            while done.not_started is None and time.monotonic() < deadline:
                left = min(_LOOK_S, max(0.0, deadline - time.monotonic()))
                ended, _, _ = select.select([guarding.stdout], [], [], left)
                finished = output.read_bytes().count(b"\n")
                step.advance(finished - told)
                told = finished
                if ended:
                    end = json.loads(guarding.stdout.readline() or b"{}")
                    done.status = end.get("exit", -9)  # killed together with its guard
                    break
        done.log = log.read_text(errors="replace").splitlines() if log.exists() else []
        # A crash may cut the last line, and a wrong option prints the usage there.
        done.rows = read_rows(output.read_text(errors="replace"), output, cut_off=True)
    return done


@contextmanager
def _guarded(
    command: list[str], environment: dict[str, str], output: Path, log: Path
) -> Iterator[subprocess.Popen[bytes]]:
    """`command` under the guard that also keeps llama-server; gone at the end of the block."""
    # The guard writes all to one log; the shell parts the results from it, then is the command.
    parted = ["/bin/sh", "-c", 'exec "$@" >"$0"', str(output), *command]
    guarding = subprocess.Popen(
        [
            *(sys.executable, "-I", "-S", guard.__file__),
            *(str(os.getpid()), str(log), str(guard.GRACE_S), str(guard.LOG_LIMIT_BYTES)),
            *parted,
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=environment,
        start_new_session=True,
    )
    assert guarding.stdin is not None and guarding.stdout is not None
    try:
        yield guarding
    finally:
        # The pipe's end makes the guard kill the group; llama-bench has nothing to tidy up.
        with suppress(OSError):
            guarding.stdin.close()
        guarding.wait()
        guarding.stdout.close()


def _why_it_failed(done: _Done, timeout_s: float, private: Sequence[Path]) -> Failure | None:
    if done.status == 0:
        return None
    tail = [scrub(line.rstrip(), private) for line in done.log if line.strip()][-_LOG_TAIL_LINES:]
    if done.not_started is not None:
        reason = f"llama-bench cannot be started: {done.not_started}"
        return Failure(kind="load", message=scrub(reason, private), log_tail=tail)
    if done.status is None:
        message = f"llama-bench did not end within {timeout_s:,.0f} s"
        return Failure(kind="timeout", message=message, log_tail=tail)
    if line := out_of_memory(done.log):
        return Failure(kind="oom", message=f"llama-bench: {scrub(line, private)}", log_tail=tail)
    if done.status in _DID_NOT_START and not done.rows:
        problem = does_not_run(done.status, tail, PROGRAM).problem
        return Failure(kind="crash", message=f"llama-bench: {problem}", log_tail=tail)
    said = next((line for line in tail if re.search(r"\berror\b|\bfailed\b|ASSERT", line)), None)
    return Failure(
        kind="crash" if done.status < 0 or done.rows else "load",
        message=f"llama-bench {ending(done.status)}{f': {said}' if said else ''}",
        log_tail=tail,
    )


def _of_another_build(row: BenchRow, engine: InstalledEngine) -> str | None:
    """Why this llama-bench is no measure of that llama-server. Builds made outside upstream's
    git call themselves number 0 or 1 and commit `unknown`, which tells nothing."""
    known = re.fullmatch(r"[0-9a-f]{7,40}", row.build_commit)
    short = min(len(row.build_commit), len(engine.commit or ""))
    if known and engine.commit and row.build_commit[:short] != engine.commit[:short]:
        return f"llama-bench is commit {row.build_commit}, llama-server {engine.commit}"
    numbered = re.fullmatch(r"b(\d+)", engine.build)
    if row.build_number > 1 and numbered and int(numbered[1]) != row.build_number:
        return f"llama-bench is build b{row.build_number}, llama-server {engine.build}"
    return None


def _public(commands: Sequence[Sequence[str]], private: Sequence[Path]) -> list[str]:
    """The commands as one, parted by `;` as in a shell; programs and files by name."""
    words: list[str] = []
    for command in commands:
        words += [";"] if words else []
        words += [scrub(word, private) for word in arguments_without_secrets(command)]
    return words
