"""Runs from what people measured by themselves: the output of `llama-bench -o json|jsonl`.

One run for each model, build, backend and set of settings in the file. Its tests stand in
`bare_engine`, for there was no server; what the file does not say stays unknown. A run's id
comes from its content, so the same results cannot be imported twice, not even for another rig.
"""

import hashlib
import json
import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from bench_pipeline.engines.llama_cpp.llama_bench_output import BenchRow, read_rows
from bench_pipeline.errors import RecordError
from bench_pipeline.importers.model_names import Described, model_of, plain
from bench_pipeline.paths import Project
from bench_pipeline.records.inventory import Cpu, Gpu, Inventory, Memory, OperatingSystem
from bench_pipeline.records.rig import Backend, Rig
from bench_pipeline.records.run import Engine, Model, Run, Source
from bench_pipeline.records.server import BareEngine, BareTest
from bench_pipeline.records.yaml.files import read_models, read_rigs, write_run

UNKNOWN = "not recorded"
"""Where a record wants words and the file has none."""

_BY_REGISTRY: dict[str, Backend] = {
    "CPU": "cpu",
    "CUDA": "cuda",
    "HIP": "rocm",
    "MTL": "metal",
    "Metal": "metal",
    "ROCm": "rocm",
    "SYCL": "sycl",
    "OPENVINO": "openvino",
    "Vulkan": "vulkan",
}
_HELPERS = {"", "AMX", "BLAS", "CPU", "RPC"}
"""Compiled in beside the one that computes. RPC counts only where a test names its servers."""

_OLD_FLAGS: tuple[Backend, ...] = ("cuda", "vulkan", "metal", "sycl")
"""A key for each backend, before llama-bench had `backends` (2024)."""

_VENDORS = {
    "nvidia": r"NVIDIA|GeForce|Tesla|Quadro",
    "amd": r"AMD|Radeon|Instinct|\bgfx\d",
    "apple": r"Apple|^M\d\b",
    "intel": r"Intel|\bArc\b",
}
_TOLD_ELSEWHERE = re.compile(r"(build|model)_\w+|cpu_info|gpu_info|backends")
_SETTING = re.compile(r"[a-z][a-z0-9_]{0,39}")
_NOTE_LENGTH = 1500


@dataclass
class Imported:
    """Run files written, and those that held results of the file already."""

    written: list[Path] = field(default_factory=list)
    known: list[Path] = field(default_factory=list)


def import_llama_bench(
    file: Path,
    *,
    project: Project,
    rig: str,
    model: Described | None = None,
    backend: Backend | None = None,
    source_title: str | None = None,
    source_url: str = "",
) -> Imported:
    """Writes the runs of `file`, measured on the machine that is declared as `rig`.

    `backend` is for a file that leaves open where it computed. RecordError or ModelError, before
    anything is written, where the file is no output of llama-bench or leaves open what a run
    must say, and where all of it was imported before.
    """
    if source_url and not re.fullmatch(r"https?://[^\s<>\"]+", source_url):
        raise RecordError(
            f"`{plain(source_url)}` is no web address",
            mend="give `--source-url https://...`, or leave it out",
            where=file,
        )
    declared, catalogue = _declared(project, rig), read_models(project.models)
    said = model or Described()
    groups: dict[str, list[BenchRow]] = defaultdict(list)
    for row in read_rows(_text_of(file), file):
        groups[json.dumps(row.settings, sort_keys=True)].append(row)
    _refuse_one_name_for_many(said, groups.values(), file)
    runs = []
    for rows in groups.values():
        used = _backend_of(rows[0], backend, file)
        _check_declared(declared, used, project)
        tests, left_out = _tests(rows)
        if tests:
            source = Source(
                title=plain(source_title or f"llama-bench output {file.name}", 120),
                url=source_url,
                note=_note(rows[0], left_out),
            )
            found = model_of(rows[0], said, catalogue, file)
            runs.append(_run(rows, tests, source, declared.slug, used, found))
    if not runs:
        raise RecordError(
            "holds only tests of prefill and decoding together (`-pg`), which tell neither",
            mend="measure with `-p` and `-n`",
            where=file,
        )
    return _write(runs, project, file)


def _text_of(file: Path) -> str:
    try:
        data = file.read_bytes()
        utf_16 = data[:2] in (b"\xff\xfe", b"\xfe\xff")  # what `>` of an older PowerShell writes
        return data.decode("utf-16" if utf_16 else "utf-8-sig")
    except OSError as error:
        raise RecordError(
            f"cannot be read: {error.strerror}", mend="check its name and permissions", where=file
        ) from None
    except UnicodeDecodeError:
        raise RecordError(
            "is no text", mend="give the output of `llama-bench ... -o jsonl`", where=file
        ) from None


def _declared(project: Project, slug: str) -> Rig:
    rigs = read_rigs(project.rigs)
    if slug not in rigs:
        raise RecordError(
            f"no rig `{plain(slug)}`",
            mend=f"choose from: {', '.join(rigs) or 'none yet'}; or declare it there",
            where=project.rigs,
        )
    return rigs[slug]


def _check_declared(rig: Rig, backend: Backend, project: Project) -> None:
    if backend not in rig.backends:
        raise RecordError(
            f"the rig declares no backend `{backend}`, on which this was measured",
            mend=f"add `{backend}: {{}}` to its `backends`, or name another rig",
            where=project.rigs / f"{rig.slug}.yaml",
        )


def _refuse_one_name_for_many(
    said: Described, groups: Iterable[Sequence[BenchRow]], file: Path
) -> None:
    names = {row.model_filename for rows in groups for row in rows}
    if said != Described() and len(names) > 1:
        raise RecordError(
            f"holds results of {len(names)} models, so none can be said to be the model's",
            mend="write one file for each model",
            where=file,
        )


def _backend_of(row: BenchRow, asked: Backend | None, file: Path) -> Backend:
    """Where the test ran. What `backends` names was merely compiled in."""
    possible = _possible_backends(row, file)
    if asked is not None and asked not in possible:
        raise RecordError(
            f"was measured on {' or '.join(possible)}, not on {asked}",
            mend="leave `--backend` out",
            where=file,
        )
    if asked is None and len(possible) > 1:
        raise RecordError(
            f"does not tell on which of its backends it was measured: {', '.join(possible)}",
            mend="give `--backend`, or measure again with `-dev`",
            where=file,
        )
    return asked or possible[0]


def _possible_backends(row: BenchRow, file: Path) -> list[Backend]:
    if row.settings.get("rpc_servers") or "RPC" in row.devices:
        raise RecordError(
            "was measured on several machines (RPC)", mend="measure on one", where=file
        )
    if row.devices == "none":
        return ["cpu"]
    if row.devices != "auto":
        names = [re.sub(r"\d*$", "", name.strip()) for name in row.devices.split("/")]
    elif row.backends is not None:
        names = [name.strip() for name in row.backends.split(",") if name.strip() not in _HELPERS]
    else:
        names = [flag for flag in _OLD_FLAGS if row.settings.get(flag)]
    known: dict[str, Backend] = {flag: flag for flag in _OLD_FLAGS}
    known |= _BY_REGISTRY
    if unknown := [name for name in names if name not in known]:
        raise RecordError(
            f"was measured with `{plain(unknown[0])}`, which is no backend of a run file",
            mend=f"measure with one of: {', '.join(dict.fromkeys(_BY_REGISTRY.values()))}",
            where=file,
        )
    if not names:
        return ["cpu"]
    if row.n_gpu_layers == 0:
        raise RecordError(
            "was measured with no layer on the GPU but the GPU at hand, where llama.cpp still "
            "computes long prompts on it: neither a CPU's figure nor a GPU's",
            mend="measure again with `-dev none`",
            where=file,
        )
    return list(dict.fromkeys(known[name] for name in names))


def _tests(rows: Sequence[BenchRow]) -> tuple[list[BareTest], int]:
    """Tests of one shape as one, and how many of prefill and decoding together were left out."""
    times_ms: dict[tuple[int, int, int], list[float]] = defaultdict(list)
    left_out = 0
    for test in (row.test for row in rows):
        if test.prompt_tokens and test.output_tokens:
            left_out += 1
        else:
            shape = (test.prompt_tokens, test.output_tokens, test.depth_tokens)
            times_ms[shape] += test.times_ms
    return [
        BareTest(prompt_tokens=prompt, output_tokens=output, depth_tokens=depth, times_ms=times)
        for (prompt, output, depth), times in times_ms.items()
    ], left_out


def _note(row: BenchRow, left_out: int) -> str:
    shown = [
        f"{key} {plain(value if isinstance(value, str) else json.dumps(value), 80)}"
        for key, value in row.settings.items()
        if isinstance(value, str | int | float)
        and _SETTING.fullmatch(key)
        and not _TOLD_ELSEWHERE.fullmatch(key)
    ]
    note = f"llama-bench, no server: {', '.join(shown)}."
    if left_out:
        note += f" Left out: {left_out} of prefill and decoding together (-pg)."
    return note if len(note) <= _NOTE_LENGTH else f"{note[: _NOTE_LENGTH - 1]}…"


def _run(
    rows: Sequence[BenchRow],
    tests: list[BareTest],
    source: Source,
    rig: str,
    backend: Backend,
    model: Model,
) -> Run:
    first = rows[0]
    # Unset keys left out: one that this code learns to read must not change old ids.
    said = [row.model_dump(mode="json", exclude_unset=True) for row in rows]
    whole = sorted(json.dumps(row, sort_keys=True) for row in said)
    commit = first.build_commit if re.fullmatch(r"[0-9a-f]{7,40}", first.build_commit) else None
    number = f"b{first.build_number}" if first.build_number > 1 else None
    return Run(
        schema_version=4,
        run_id=hashlib.sha256("\n".join(whole).encode()).hexdigest()[:12],
        provenance="imported",
        source=source,
        status="ok",
        started_at=min(row.test_time for row in rows).replace(microsecond=0),
        rig=rig,
        backend=backend,
        inventory=_inventory(first),
        engine=Engine(build=number or commit or "unknown", commit=commit),
        model=model,
        bare_engine=BareEngine(
            version_line=f"build: {commit or 'unknown'} ({first.build_number})", tests=tests
        ),
    )


def _inventory(row: BenchRow) -> Inventory:
    printed = {"cpu_info": row.cpu_info, "gpu_info": row.gpu_info, "backends": row.backends or ""}
    return Inventory(
        cpu=Cpu(model=plain(row.cpu_info, 120) or UNKNOWN),
        memory=Memory(),
        os=OperatingSystem(name=UNKNOWN),
        gpus=[
            Gpu(index=index, vendor=_vendor(name), name=plain(name, 120))
            for index, name in _gpus(row)
        ],
        as_printed={key: plain(text, 300) for key, text in printed.items() if text.strip()},
    )


def _gpus(row: BenchRow) -> list[tuple[int, str]]:
    """The GPUs that computed where the file tells which, else all that it names."""
    names = dict(enumerate(name.strip() for name in row.gpu_info.split(",") if name.strip()))
    numbers = [re.search(r"\d+$", device.strip()) for device in row.devices.split("/")]
    used = [int(number[0]) for number in numbers if number and len(number[0]) < 4]
    if len(used) == len(numbers) and all(index in names for index in used):
        return [(index, names[index]) for index in used]
    return list(names.items())


def _vendor(name: str) -> str:
    return next((vendor for vendor, like in _VENDORS.items() if re.search(like, name)), "other")


def _write(runs: Sequence[Run], project: Project, file: Path) -> Imported:
    done = Imported()
    for run in runs:
        if same := next(project.runs.glob(f"*/*/*-{run.run_id}.yaml"), None):
            done.known.append(same)
        else:
            done.written.append(write_run(run, project.runs))
    if not done.written:
        raise RecordError(
            f"was imported before: {done.known[0].relative_to(project.root)} holds it",
            mend="nothing is to be done; to import it differently, delete that run file first",
            where=file,
        )
    return done
