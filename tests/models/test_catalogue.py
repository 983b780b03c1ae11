"""Models by name, by pattern, and by the head that they stand under."""

import pytest

from bench_pipeline.errors import ModelError
from bench_pipeline.models.catalogue import known_model, named_models
from bench_pipeline.paths import Project
from tests.records.yaml.test_model_files import HEAD


@pytest.fixture
def catalogue(project: Project) -> Project:
    (project.models / "gemma-3-270m.yaml").write_text(HEAD)
    return project


def test_a_file_of_a_head_is_a_model_like_any_other(catalogue: Project):
    assert known_model(catalogue, "gemma-3-270m-q8_0").file_name == "gemma-3-270m-Q8_0.gguf"
    assert known_model(catalogue, "gemma-3-270m-q4_k_m").quant == "Q4_K_M", "in its own file"
    with pytest.raises(ModelError, match="is a head of 3 files") as caught:
        known_model(catalogue, "gemma-3-270m")
    assert "'gemma-3-270m@*'" in str(caught.value)
    with pytest.raises(ModelError, match="no model `gemma-3-270m-q2_k`") as caught:
        known_model(catalogue, "gemma-3-270m-q2_k")
    assert "gemma-3-270m-q4_0-unsloth" in str(caught.value)


def test_all_quants_of_a_head_are_named_at_once(catalogue: Project):
    assert named_models(catalogue, ["nothing-known", "gemma-3-270m@q4*", "gemma-3-270m@*"]) == [
        "nothing-known",
        *("gemma-3-270m-q4_k_m", "gemma-3-270m-q4_0", "gemma-3-270m-q4_0-unsloth"),
        "gemma-3-270m-q8_0",
    ]
    with pytest.raises(ModelError, match="no model `gemma-3-270m@q2\\*`"):
        named_models(catalogue, ["gemma-3-270m@q2*"])
