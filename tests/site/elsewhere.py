"""A site whose every figure is from elsewhere: imported in many forms, and printed by a page."""

import json
import shutil
from pathlib import Path
from typing import Any, get_args

import yaml

from bench_pipeline.importers.llama_bench import Asked, import_results
from bench_pipeline.importers.model_names import Described
from bench_pipeline.importers.published import publish_figures
from bench_pipeline.paths import Project, checkout
from bench_pipeline.records.rig import Backend
from bench_pipeline.warehouse.refresh import refresh
from tests.importers.results import TABLE, as_csv, decode, lines, row
from tests.site.conftest import Made

RADEON = {
    "backends": "ROCm",
    "gpu_info": "AMD Radeon Graphics",
    "cpu_info": "AMD RYZEN AI MAX+ 395",
}
BENCHY = {
    "model": "fable",
    "benchmarks": [
        {
            **{"concurrency": 1, "context_size": 0, "prompt_size": 256, "response_size": 64},
            "tg_throughput": {"mean": 61.507, "std": 0.5, "values": [61.0, 62.0]},
        }
    ],
}
FABLE = Described(None, "2026-02", "Fable", "7B-chat", "Q5_K_M")

PAIR = {"gpu_info": "NVIDIA A2, NVIDIA A2", "cpu_info": "Pair CPU"}
OTHER = {"gpu_info": "NVIDIA A10", "cpu_info": "Builds CPU"}
LATER = {"test_time": "2026-08-06T07:08:09Z"}
SLOW = TABLE.replace("pp256 | 1280.00 ± 12.80", " pp96 |     2.99 ± 0.04").replace(
    "tg64 @ d2048  |    71.25 ± 0.30", "tg48          |     0.35 ± 0.00"
)
"""Of a model that outgrew its machine; in lengths of its own, so that no chart holds it."""
IMPORTS: list[tuple[str, list[str], Described, Backend | None]] = [
    ("plain", [lines(row()), lines(decode())], Described(released="2026-02"), None),
    ("fa", [lines(row(flash_attn=0), row(flash_attn=1))], Described(released="2026-02"), None),
    ("pair", [lines(row(**PAIR))], Described(released="2026-02"), None),
    ("moe", [lines(row(n_cpu_moe=30))], Described(released="2026-02"), None),
    ("apu", [lines(row(**RADEON))], Described(released="2026-02"), None),
    (
        "apu",
        [
            lines(
                row(
                    **RADEON
                    | {
                        "backends": "Vulkan",
                        "gpu_info": "AMD Radeon 8060S Graphics (RADV GFX1151)",
                        "test_time": "2026-08-06T07:08:09Z",
                    }
                )
            )
        ],
        Described(),
        None,
    ),
    ("table", [TABLE], FABLE, None),
    ("slow", [SLOW], FABLE, None),
    ("served", [json.dumps(BENCHY)], FABLE, "cuda"),
    ("fork", [lines(row(build_number=4105, test="pp256", also_new=3))], Described(), None),
    ("fork", [lines(row(build_number=4190, test="pp256", **LATER))], Described(), None),
    *(
        (
            "builds",
            [lines(row(build_number=build, test_time=f"2026-06-{day}T07:08:09Z", **OTHER))],
            Described(),
            None,
        )
        for build, day in ((9100, "01"), (9200, "02"))
    ),
    (
        "builds",
        [as_csv(row(build_number=9300, avg_ts=1411.5, test_time="2026-06-03T07:08:09Z", **OTHER))],
        Described(),
        None,
    ),
]

QUEUED = {"chat": (125.0, 180.0, 122.0, 3300.0), "rag": (118.0, 950.0, 55.0, 2100.0)}
"""Of a page: decode and TTFT of one stream, then of four. One slot, and four."""


def page_rows() -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    for label, (alone, first, each, later) in QUEUED.items():
        about = {"workload": label, "output_tokens": 128}
        for streams, tok_s, ttft_ms in ((1, alone, first), (4, each, later)):
            rows += [
                {"what": "decode_tok_s", "value": tok_s, "concurrency": streams, **about},
                {"what": "ttft_ms", "value": ttft_ms, "concurrency": streams, **about},
            ]
    return rows


def published(file: Path, project: Project) -> None:
    of_all = {
        **{"rig": "page", "backend": "cuda", "build": "b9174", "seen_on": "2026-11-20"},
        **{"source_title": "Somebody's page", "source_url": "https://example.org/bench"},
        **{"family": "Fable", "variant": "7B-chat", "quant": "Q5_K_M", "released": "2026-02"},
        **{"gpu": "Example GPU"},
    }
    file.write_text(yaml.safe_dump({"all": of_all, "rows": page_rows()}))
    publish_figures(file, project)


def make_elsewhere(folder: Path) -> None:
    """Imported results on rigs of their own, whose CPUs and cards differ; built."""
    project = Project(folder)
    shutil.copytree(checkout().content, project.content, ignore=shutil.ignore_patterns("runs"))
    backends = "".join(f"  {backend}: {{}}\n" for backend in get_args(Backend))
    for rig in {rig: None for rig, *_ in IMPORTS} | {"page": None}:
        (project.rigs / f"{rig}.yaml").write_text(f"title: The {rig} box\nbackends:\n{backends}")
    for number, (rig, texts, model, backend) in enumerate(IMPORTS):
        files: list[str | Path] = []
        for place, text in enumerate(texts):
            files.append(project.root / f"{number}-{place}.txt")
            # A result is imported once: each rig's has a number of its own.
            Path(files[-1]).write_text(text.replace("1980000", f"198{number:02}00"))
        import_results(files, Asked(rig, backend), project=project, model=model)
    published(project.root / "page.yaml", project)
    assert not refresh(project).rejected
    Made(project).build()
