"""Rigs and backends by name: found, or what there is instead."""

import pytest

from bench_pipeline.errors import RecordError
from bench_pipeline.paths import Project
from bench_pipeline.records.yaml.declared import known_backend, known_rig


def test_a_rig_that_nobody_declared_is_told_with_those_that_are(project: Project) -> None:
    assert known_rig(project.rigs, "gaming-desktop").slug == "gaming-desktop"
    for name in ("nowhere", "../rigs/gaming-desktop"):
        with pytest.raises(RecordError, match=f"no rig `{name}`") as caught:
            known_rig(project.rigs, name)
        assert "gaming-desktop" in caught.value.mend
    (project.rigs / "broken.yaml").write_text("colour: green\n")
    assert known_rig(project.rigs, "gaming-desktop").slug == "gaming-desktop"
    with pytest.raises(RecordError, match="unknown key `colour`"):
        known_rig(project.rigs, "broken")


def test_a_backend_that_the_rig_does_not_declare_is_told_with_those_that_it_does(
    project: Project,
) -> None:
    rig = known_rig(project.rigs, "gaming-desktop")
    assert known_backend(project.rigs, rig, "vulkan") == "vulkan"
    with pytest.raises(
        RecordError, match="`gaming-desktop` declares no backend `abacus`"
    ) as caught:
        known_backend(project.rigs, rig, "abacus")
    assert "choose from: vulkan, cuda" in caught.value.mend
    assert str(caught.value.where).endswith("gaming-desktop.yaml")
