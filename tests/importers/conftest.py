"""A checkout with a rig that declares every backend, and a way to bring results to it."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import get_args

import pytest

from bench_pipeline.importers.llama_bench import Asked, Imported, import_results
from bench_pipeline.importers.model_names import Described
from bench_pipeline.paths import Project, checkout
from bench_pipeline.records.rig import Backend
from bench_pipeline.records.run import Run
from bench_pipeline.records.yaml.files import read_run

Bring = Callable[..., list[Run]]


CATALOGUED = ("smollm2-135m-instruct-q4_1", "gemma-3-270m-q4_k_m")
"""Models that these tests know; others that the checkout comes to know would change what an
import of them has to ask."""


@pytest.fixture
def project(project: Project) -> Project:
    for path in project.models.glob("*.yaml"):
        if path.stem not in CATALOGUED:
            path.unlink()
    return project


@pytest.fixture
def box(project: Project) -> Project:
    backends = "".join(f"  {backend}: {{}}\n" for backend in get_args(Backend))
    (project.rigs / "box.yaml").write_text(f"title: A box\nbackends:\n{backends}")
    return project


@pytest.fixture
def done() -> list[Imported]:
    """What each import said, the last one last."""
    return []


@pytest.fixture
def bring(box: Project, tmp_path: Path, done: list[Imported]) -> Bring:
    """`bring(text)`: imports a file of it and returns the new runs as they are read back; of
    several texts, as many files."""

    def importing(
        *texts: str,
        name: str = "mine.txt",
        model: Described | None = None,
        files: list[str | Path] | None = None,
        **asked: object,
    ) -> list[Run]:
        paths: list[str | Path] = []
        for number, text in enumerate(texts):
            paths.append(tmp_path / (name if not number else f"{number}-{name}"))
            Path(paths[-1]).write_text(text)
        done.append(
            import_results(
                files or paths,
                Asked(**{"rig": "box", **asked}),  # type: ignore[arg-type]
                project=box,
                model=model or Described(released="2026-02"),
            )
        )
        return [read_run(path) for path in done[-1].written]

    return importing


@pytest.fixture
def with_runs(box: Project) -> Project:
    """With this checkout's runs of two rigs: one measured, one published."""
    for rig in ("shared-vm-2core", "gaming-desktop"):
        shutil.copytree(checkout().runs / rig, box.runs / rig, dirs_exist_ok=True)
    return box
