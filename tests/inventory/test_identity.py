"""Which machine this is."""

import pytest

from bench_pipeline.errors import RigError
from bench_pipeline.inventory.identity import Identity, clones, identify, machine_id, this_rig
from bench_pipeline.records.rig import BackendSetup, Rig


def machine(identity: str, cpu: str = "A CPU") -> dict[str, str]:
    return {"etc/machine-id": identity, "proc/cpuinfo": f"processor : 0\nmodel name : {cpu}"}


def rig(slug: str, identity: str | None, **more) -> Rig:
    return Rig(slug=slug, title=slug, machine_id=identity, backends={"cpu": BackendSetup()}, **more)


UUID = "sys/class/dmi/id/product_uuid"
NET = "sys/class/net"


def network(address: str, name: str = "eth0", assigned: str = "0", where: str = "pci0000:00/00:03"):
    """A network card as the kernel shows it."""
    return {
        f"{NET}/{name}/address": address,
        f"{NET}/{name}/addr_assign_type": assigned,
        f"sys/devices/{where}/vendor": "0x8086",
        f"{NET}/{name}/device": f"-> sys/devices/{where}",
    }


@pytest.fixture
def of(tmp_path):
    """Who a machine of these files is, to root (`uuid`) or to a user."""

    def identifying(*parts: dict[str, str], uuid: str | None = None, nvml=None) -> Identity:
        root = tmp_path / f"machine{len(list(tmp_path.iterdir()))}"
        files = machine("a" * 32) | ({UUID: uuid} if uuid else {})
        for part in parts:
            files |= part
        for name, content in files.items():
            path = root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            if content.startswith("-> "):
                path.symlink_to(root / content.removeprefix("-> "))
            else:
                path.write_text(content + "\n")
        return identify(root, nvml)

    return identifying


def declared(slug: str, me: Identity) -> Rig:
    return rig(slug, me.machine_id, machine_id_as_user=me.as_user, machine_marks=sorted(me.marks))


A, B = (f"4c4c4544-0042-3510-8054-{n * 12}" for n in "12")
CARD_A, CARD_B = network("52:54:00:00:00:0a"), network("52:54:00:00:00:0b")


def test_a_machine_stays_itself():
    assert machine_id() == machine_id()


def test_the_identity_itself_cannot_be_read_from_the_hash(tree):
    root = tree(machine("3d1219c7c4c5404aaa1f6d2a48adfda4"))
    assert len(machine_id(root)) == 16
    assert machine_id(root) not in "3d1219c7c4c5404aaa1f6d2a48adfda4"


def test_another_machine_and_a_clone_on_other_hardware_are_others(tree):
    identities = set()
    for files in (machine("a" * 32), machine("b" * 32), machine("a" * 32, cpu="Another CPU")):
        identities.add(machine_id(tree(files)))
    assert len(identities) == 3


@pytest.mark.parametrize("content", ["", "uninitialized"])
def test_a_container_without_a_machine_id_keeps_one_of_its_own(
    tree, tmp_path, monkeypatch, content
):
    monkeypatch.setenv("BENCH_PIPELINE_CACHE", str(tmp_path / "cache"))
    root = tree(machine(content))
    first = machine_id(root)
    assert machine_id(root) == first
    monkeypatch.setenv("BENCH_PIPELINE_CACHE", str(tmp_path / "another"))
    assert machine_id(root) != first


def test_a_container_that_is_given_a_machine_id_later_is_still_the_same(
    tree, tmp_path, monkeypatch
):
    monkeypatch.setenv("BENCH_PIPELINE_CACHE", str(tmp_path / "cache"))
    here = declared("here", identify(tree({"proc/cpuinfo": "model name : A CPU"})))
    given = identify(tree(machine("b" * 32)))
    other = rig("other", given.machine_id)
    assert this_rig({"here": here}, given) == here
    assert this_rig({"here": here, "other": other}, given) == other
    monkeypatch.setattr("platform.node", lambda: "another-host")
    assert this_rig({"here": here}, identify(tree(machine("b" * 32)))) is None


def test_machines_that_share_a_cache_are_told_apart_by_name(tree, tmp_path, monkeypatch):
    monkeypatch.setenv("BENCH_PIPELINE_CACHE", str(tmp_path))
    root = tree(machine(""))
    names = iter(["one", "two"])
    monkeypatch.setattr("platform.node", lambda: next(names))
    assert machine_id(root) != machine_id(root)


def test_the_rig_with_this_machines_identity_is_this_rig():
    mine, other = rig("mine", machine_id()), rig("other", "0" * 16)
    assert this_rig({"other": other, "mine": mine}) == mine


def test_a_rig_without_an_identity_is_not_this_machine():
    assert this_rig({"any": rig("any", None)}) is None


def test_two_rigs_with_one_identity_are_refused():
    rigs = {slug: rig(slug, "f" * 16) for slug in ("one", "two")}
    with pytest.raises(RigError, match="`one` and `two` both have this machine's machine_id"):
        this_rig(rigs, "f" * 16)


def test_clones_of_one_image_have_other_identities_to_root(of):
    assert of(uuid=A).machine_id == of(uuid=A.upper()).machine_id != of(uuid=B).machine_id


@pytest.mark.parametrize(
    "nothing",
    [
        "00000000-0000-0000-0000-000000000000",
        "FFFFFFFF-FFFF-FFFF-FFFF-FFFFFFFFFFFF",
        "03000200-0400-0500-0006-000700080009",
        "Not Settable",
        "To Be Filled By O.E.M.",
    ],
)
def test_a_uuid_that_is_on_every_board_of_a_maker_says_nothing(of, nothing):
    assert of(uuid=nothing) == of()


def test_a_rig_is_the_same_to_root_and_to_a_user(of):
    root, user = of(CARD_A, uuid=A), of(CARD_A)
    for first in (root, user):
        rigs = {"box": declared("box", first)}
        assert this_rig(rigs, root) == this_rig(rigs, user) == rigs["box"]


def test_a_rig_declared_before_there_were_marks_is_still_found(of):
    user, root = of(CARD_A), of(CARD_A, uuid=A)
    rigs = {"old": rig("old", user.machine_id)}
    assert this_rig(rigs, user) == this_rig(rigs, root) == rigs["old"]


def test_a_clone_is_told_apart_by_root_and_by_a_user(of):
    for first, clone in (
        (of(uuid=A), of(uuid=B)),
        (of(CARD_A, uuid=A), of(CARD_B, uuid=B)),
        (of(CARD_A), of(CARD_B)),
        (of(CARD_A, uuid=A), of(CARD_B)),
        (of(CARD_A), of(CARD_B, uuid=B)),
    ):
        rigs = {"first": declared("first", first)}
        assert this_rig(rigs, clone) is None
        assert clones(rigs, clone, None) == [rigs["first"]]
        both = rigs | {"second": declared("second", clone)}
        assert this_rig(both, clone) == both["second"]
        assert this_rig(both, first) == both["first"]
        assert clones(both, clone, both["second"]) == [both["first"]]


def test_clones_that_only_root_can_tell_apart_are_not_mixed_up_by_a_user(of):
    both = {name: declared(name, of(uuid=uuid)) for name, uuid in (("a", A), ("b", B))}
    assert this_rig(both, of(uuid=B)) == both["b"]
    with pytest.raises(RigError, match="`a` and `b`"):
        this_rig(both, of())


class Driver:
    """NVML with cards of these UUIDs."""

    class NVMLError(Exception):
        pass

    def __init__(self, *uuids: str) -> None:
        self.uuids = uuids

    def nvmlInit(self) -> None: ...

    def nvmlShutdown(self) -> None: ...

    def nvmlDeviceGetCount(self) -> int:
        return len(self.uuids)

    def nvmlDeviceGetHandleByIndex(self, index: int) -> int:
        return index

    def nvmlDeviceGetUUID(self, index: int) -> str:
        return self.uuids[index]


def test_a_machine_with_a_new_card_is_still_the_same(of):
    before = of(CARD_A, nvml=Driver("GPU-1", "GPU-2"))
    rigs = {"box": declared("box", before)}
    for now in (
        of(CARD_A, nvml=Driver("GPU-3")),
        of(CARD_B, nvml=Driver("GPU-2")),
        of(CARD_A),
        of(),
    ):
        assert this_rig(rigs, now) == rigs["box"]
    assert this_rig(rigs, of(CARD_B, nvml=Driver("GPU-3"))) is None


@pytest.mark.parametrize(
    "part",
    [
        {"proc/device-tree/serial-number": "10000000abcdef01\0"},
        {"sys/bus/pci/devices/0000:03:00.0/unique_id": "a1b2c3d4e5f60718"},
        network("52:54:00:00:00:0c"),
    ],
)
def test_parts_with_a_number_of_their_own_are_marks_that_cannot_be_read(of, part):
    (mark,) = of(part).marks
    assert len(mark) == 16
    assert not any(mark in value or value in mark for value in part.values())


@pytest.mark.parametrize(
    "part",
    [
        network("52:54:00:00:00:0c", assigned="3"),  # set by a program
        network(
            "52:54:00:00:00:0c", where="pci0000:00/usb1/1-2"
        ),  # a dock goes from one to another
        network("00:00:00:00:00:00"),
        {f"{NET}/lo/address": "02:42:ac:11:00:02", f"{NET}/lo/addr_assign_type": "0"},  # virtual
    ],
)
def test_what_may_belong_to_another_machine_tomorrow_is_no_mark(of, part):
    assert of(part).marks == frozenset()
