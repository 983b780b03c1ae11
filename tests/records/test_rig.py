"""Several setups of one backend on a rig, and what of them cannot be meant."""

import pytest
from pydantic import ValidationError

from bench_pipeline.records.rig import BackendSetup, Rig, RigBackend, plain_backend


def rig(**backends: dict) -> Rig:
    named = {name.replace("_", "-"): setup for name, setup in backends.items()}
    return Rig.model_validate({"slug": "quad", "title": "Quad", "backends": named})


def test_each_setup_of_a_backend_is_a_partition_of_its_own():
    quad = rig(
        cuda={"device": "CUDA0"},
        cuda_2x={"device": "CUDA0,CUDA1", "split_mode": "layer"},
        cuda_moe={"device": "CUDA0", "experts_on_cpu": "all"},
        vulkan_igpu={"device": "Vulkan1"},
    )
    assert quad.partition_keys == [
        *("quad/cuda", "quad/cuda-2x", "quad/cuda-moe", "quad/vulkan-igpu"),
    ]
    assert RigBackend.parse("quad/cuda-2x") == ("quad", "cuda-2x")
    assert [plain_backend(name) for name in quad.backends] == ["cuda", "cuda", "cuda", "vulkan"]


def test_the_plain_name_is_measured_rather_than_its_setups():
    quad = rig(cpu={}, vulkan={}, cuda_2x={"split_mode": "row"}, cuda={})
    assert quad.best_first == ["cuda", "cuda-2x", "vulkan", "cpu"]


def test_a_setup_asks_for_something_or_nothing():
    assert BackendSetup(device="CUDA0", threads=4, build="b1").arrangement is None
    asked = BackendSetup(device="CUDA0", gpu_layers=20).arrangement
    assert asked is not None and asked.model_dump(exclude_defaults=True) == {"gpu_layers": 20}


@pytest.mark.parametrize(
    ("place", "is_one"),
    [
        ("me@my-rig:bench", True),
        ("my_rig.example.org:/srv/bench", True),
        ("my-rig", False),
        ("-oProxyCommand=sh:bench", False),
        ("me@-oProxyCommand=sh:bench", False),
        ("my-rig:-c", False),
        ("my-rig:bench;true", False),
        ("my-rig:~/bench", False),
        ("my-rig:bench\n", False),
    ],
)
def test_where_it_is_reached_can_be_taken_for_nothing_else(place: str, is_one: bool):
    document = {"slug": "quad", "title": "Quad", "backends": {"cpu": {}}, "ssh": place}
    if is_one:
        assert Rig.model_validate(document).ssh == place
        return
    with pytest.raises(ValidationError, match="ssh"):
        Rig.model_validate(document)


@pytest.mark.parametrize(
    ("backends", "told"),
    [
        ({"cuda": {}, "cuda_2x": {}}, "`cuda-2x` is set up as `cuda` is"),
        ({"cuda": {}, "cuda_old": {"build": "b10068"}}, "`cuda-old` is set up as `cuda` is"),
        ({"cuda": {"device": "CUDA0,CUDA0"}}, "names one twice: CUDA0,CUDA0"),
        ({"cuda": {"device": "CUDA0", "main_gpu": 1}}, "there is no number 1"),
        ({"cuda": {"ubatch_tokens": 256, "args": ["-ub", "512"]}}, "`-ub` among `args`"),
        ({"cpu": {"experts_on_cpu": "all"}}, "everything lies on the CPU there already"),
        ({"cuda_vulkan": {}}, "what follows the backend may not be one: `vulkan`"),
        ({"cuda2": {}}, "String should match pattern"),
        ({"cuda": {"tensors_on_cpu": ["exps=CPU"]}}, "String should match pattern"),
    ],
    ids=[
        *("twice the same", "by its build alone", "a device twice", "no such card"),
        *("said twice", "on the cpu", "two backends", "no backend", "the engine's own spelling"),
    ],
)
def test_what_cannot_be_meant_is_refused(backends: dict, told: str):
    with pytest.raises(ValidationError, match=told.replace("(", r"\(")):
        rig(**backends)
