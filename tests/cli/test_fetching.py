"""What is to come over the network is told before anything does."""

import dataclasses
from pathlib import Path

import pytest

from bench_pipeline.cli.fetching import to_be_fetched
from bench_pipeline.engines.builds.catalogue import choose
from bench_pipeline.engines.builds.host import Host
from bench_pipeline.paths import Project
from bench_pipeline.records.rig import BackendSetup, Rig
from bench_pipeline.records.yaml.files import read_engines
from bench_pipeline.records.yaml.model_files import read_models

HOST = Host("Linux", "x86_64", frozenset({"avx2", "fma", "f16c", "bmi2"}), glibc="2.36")


def test_models_and_engines_that_are_not_here_are_named_with_their_room(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = tmp_path / "not" / "there yet"
    models = read_models(project.models)
    rig = Rig(slug="a-rig", title="A rig", backends={"cpu": BackendSetup(channel="wheel")})
    build = choose(read_engines(project.engines), rig, "cpu", "b10068", HOST)
    wanted = [models["qwen3-30b-a3b-q4_k_m"], models["smollm2-135m-instruct-q4_1"]]
    first, second = list(to_be_fetched(wanted, [build], cache))[:2]
    assert first == (
        "To fetch   qwen3-30b-a3b-q4_k_m (18.6 GB), smollm2-135m-instruct-q4_1 (98 MB), engine"
        " b10068 (about 315 MB)"
    )
    assert second.startswith("  takes about 19.0 GB of ")

    usage = dataclasses.make_dataclass("Usage", ["free"])
    monkeypatch.setattr("shutil.disk_usage", lambda _: usage(10**9))
    assert "too little" in list(to_be_fetched(wanted, [build], cache))[-1]
    (cache / "engines" / "wheel" / "b10068").mkdir(parents=True)
    assert list(to_be_fetched([], [build], cache)) == []
