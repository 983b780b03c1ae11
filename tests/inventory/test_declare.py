"""Declaring a machine as a rig."""

import pytest

from bench_pipeline.inventory.declare import declare, declare_this_machine, guess_kind, title
from bench_pipeline.inventory.identity import Identity, machine_id
from bench_pipeline.paths import Project
from bench_pipeline.records.inventory import Cpu, Gpu, Inventory, Memory, OperatingSystem
from bench_pipeline.records.rig import Rig
from bench_pipeline.records.yaml.files import read_record, read_rigs

IDENTITY = "0123456789abcdef"


def inventory(*gpus: Gpu, cpu: str = "AMD Ryzen 7 9700X 8-Core Processor", **more: object):
    return Inventory(
        cpu=Cpu(model=cpu, physical_cores=8, **more),
        memory=Memory(total_mib=65536),
        os=OperatingSystem(name="Any"),
        gpus=list(gpus),
    )


def gpu(vendor: str, name: str) -> Gpu:
    return Gpu(index=0, vendor=vendor, name=name)


@pytest.fixture
def new(tmp_path) -> Project:
    """A project without any rig, in the state in which nobody has made a folder either."""
    return Project(tmp_path)


def test_this_machine_is_declared_once_and_then_found(new):
    rig, declared = declare_this_machine(new)
    assert declared and rig.machine_id == machine_id() and "cpu" in rig.backends
    assert declare_this_machine(new) == (rig, False)
    assert list(read_rigs(new.rigs)) == [rig.slug]


def test_it_is_called_what_somebody_calls_it(new):
    rig, _ = declare_this_machine(new, named="Under the Desk")
    assert rig.slug == "under-the-desk"
    assert declare_this_machine(new, named="another") == (rig, False)


def test_a_rig_file_that_a_person_edited_is_left_alone(new):
    rig, _ = declare_this_machine(new)
    path = new.rigs / f"{rig.slug}.yaml"
    edited = path.read_text().replace(f"title: {rig.title}", "title: Mine")
    path.write_text(edited)
    assert declare_this_machine(new)[0].title == "Mine"
    assert path.read_text() == edited


def test_a_machine_is_found_under_whatever_name_its_file_has(new):
    rig, _ = declare_this_machine(new)
    (new.rigs / f"{rig.slug}.yaml").rename(new.rigs / "renamed-before-its-first-run.yaml")
    assert declare_this_machine(new)[0].slug == "renamed-before-its-first-run"


def test_two_machines_of_one_name_are_two_rigs(new):
    rigs = [declare(new, inventory(), digit * 16, "node") for digit in "abc"]
    assert [rig.slug for rig in rigs] == ["node", "node-2", "node-3"]
    assert len({rig.machine_id for rig in read_rigs(new.rigs).values()}) == 3


@pytest.mark.parametrize(
    ("host_name", "slug"),
    [
        ("vm", "vm"),
        ("Gaming-PC.fritz.box", "gaming-pc"),
        ("Bob's Mac.local", "bob-s-mac"),
        ("_x_", "x"),
        ("", "rig"),
        ("...", "rig"),
        ("n" * 100, "n" * 70),
    ],
)
def test_a_slug_is_the_host_name_made_fit_for_paths(new, host_name, slug):
    assert declare(new, inventory(), IDENTITY, host_name).slug == slug


def test_a_machine_without_a_gpu_has_the_cpu_backend_only(new):
    rig = declare(new, inventory(), IDENTITY, "box")
    assert list(rig.backends) == ["cpu"]
    assert rig.backends["cpu"].threads == 7


def test_an_nvidia_gpu_adds_cuda_and_vulkan_each_pinned_to_one_device(new):
    card = gpu("nvidia", "NVIDIA GeForce RTX 5070")
    rig = declare(new, inventory(card), IDENTITY, "box")
    assert list(rig.backends) == ["cpu", "cuda", "vulkan"]
    assert rig.backends["vulkan"].device == "Vulkan0"
    cuda = rig.backends["cuda"]
    assert (cuda.device, cuda.split_mode, cuda.main_gpu) == ("CUDA0", "none", 0)


def test_an_amd_gpu_adds_rocm_and_vulkan(new):
    rig = declare(new, inventory(gpu("amd", "AMD Radeon 8060S Graphics")), IDENTITY, "box")
    assert list(rig.backends) == ["cpu", "rocm", "vulkan"]
    assert rig.backends["vulkan"].device == "Vulkan0"


def test_what_was_not_found_out_is_told_once_it_is_declared(new):
    told: list[str] = []
    found = inventory().model_copy(update={"gaps": ["NVML: driver not loaded."]})
    declare_this_machine(new, found, say=told.append)
    declare_this_machine(new, found, say=told.append)
    assert told == ["not known: NVML: driver not loaded."]


def test_a_clone_of_a_declared_machine_is_declared_with_a_warning(new, monkeypatch):
    for number in "12":
        me = Identity("f" * 16, None, frozenset({number * 16}))
        monkeypatch.setattr("bench_pipeline.inventory.declare.identify", lambda me=me: me)
        monkeypatch.setattr("platform.node", lambda number=number: f"box{number}")
        told: list[str] = []
        assert declare_this_machine(new, inventory(), say=told.append)[1]
    assert [line.split(",")[0] for line in told] == [
        "warning: this machine has the machine-id of `box1`"
    ]
    assert declare_this_machine(new, inventory())[0].slug == "box2"


def test_a_rig_file_keeps_what_tells_the_machine_from_others(new):
    me = Identity("a" * 16, "b" * 16, frozenset({"d" * 16, "c" * 16}))
    rig = declare(new, inventory(), me, "box")
    assert (rig.machine_id, rig.machine_id_as_user) == ("a" * 16, "b" * 16)
    assert rig.machine_marks == ["c" * 16, "d" * 16]


def test_the_file_tells_a_person_what_may_be_edited(new):
    rig = declare(new, inventory(), IDENTITY, "box")
    text = (new.rigs / f"{rig.slug}.yaml").read_text()
    assert "# - never rename this file" in text
    assert "# One less than the physical cores" in text
    assert text.splitlines()[0].startswith("# A machine that benchmarks.")


@pytest.mark.parametrize("name", ["A: card # with signs", "'quoted\"", "two\nlines", "- x"])
def test_no_name_can_break_the_file(new, name):
    rig = declare(new, inventory(gpu("nvidia", name), cpu=name), IDENTITY, "1e5")
    assert read_record(Rig, new.rigs / f"{rig.slug}.yaml") == rig


@pytest.mark.parametrize(
    ("captured", "expected"),
    [
        (inventory(cpu="Intel(R) Xeon(R) Processor"), "vm (8-core Intel Xeon Processor)"),
        (
            inventory(gpu("nvidia", "NVIDIA H100"), gpu("nvidia", "NVIDIA H100")),
            "vm (2 × NVIDIA H100, 8-core AMD Ryzen 7 9700X)",
        ),
        (
            inventory(cpu="11th Gen Intel(R) Core(TM) i7-1185G7 @ 3.00GHz"),
            "vm (8-core 11th Gen Intel Core i7-1185G7)",
        ),
        (
            inventory(cpu="AMD RYZEN AI MAX+ 395 w/ Radeon 8060S"),
            "vm (8-core AMD RYZEN AI MAX+ 395)",
        ),
        (
            inventory(cpu="AMD Ryzen Threadripper PRO 3945WX 12-Cores"),
            "vm (8-core AMD Ryzen Threadripper PRO 3945WX)",
        ),
        (
            inventory(cpu="ARM CPU, implementer 0x41, part 0xfff"),
            "vm (8-core ARM CPU, implementer 0x41, part 0xfff)",
        ),
    ],
)
def test_a_title_says_what_the_machine_is(captured, expected):
    assert title(captured, "vm.example") == expected


def test_a_title_is_never_too_long_for_a_rig():
    assert len(title(inventory(cpu="x" * 200), "vm")) == 120


@pytest.mark.parametrize(
    ("files", "kind"),
    [
        ({}, "other"),
        ({"sys/class/dmi/id/chassis_type": "3"}, "desktop"),
        ({"sys/class/dmi/id/chassis_type": "10"}, "laptop"),
        ({"sys/class/dmi/id/chassis_type": "23"}, "server"),
        ({"sys/class/dmi/id/chassis_type": "35"}, "mini-pc"),
        ({"sys/class/dmi/id/chassis_type": "2"}, "other"),
        ({"sys/class/power_supply/BAT0/type": "Battery"}, "laptop"),
        ({"sys/class/power_supply/AC/type": "Mains"}, "other"),
        (
            {
                "sys/class/power_supply/hid-mouse/type": "Battery",
                "sys/class/power_supply/hid-mouse/scope": "Device",
            },
            "other",
        ),
    ],
)
def test_the_kind_is_what_the_case_says(tree, files, kind):
    assert guess_kind(inventory(), tree(files)) == kind


def test_a_guest_is_a_virtual_machine_whatever_its_case_pretends_to_be(tree):
    root = tree({"sys/class/dmi/id/chassis_type": "3"})
    assert guess_kind(inventory(hypervisor="KVM"), root) == "virtual-machine"
