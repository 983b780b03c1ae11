"""What memory a program can have: of the machine, of a container, beside ZFS's cache."""

import psutil
import pytest

from bench_pipeline.inventory.memory import read_memory, reclaimable_mib, room

GIB = 2**30
MACHINE_MIB = psutil.virtual_memory().total / 2**20


def test_without_a_limit_it_is_the_machine_s(tree):
    memory = read_memory(tree({"sys/fs/cgroup/memory.max": "max"}))
    assert memory.total_mib == pytest.approx(MACHINE_MIB, abs=0.1)
    assert memory.machine_total_mib is None


@pytest.mark.parametrize(
    "files",
    [
        {
            "sys/fs/cgroup/memory.max": str(GIB),
            "sys/fs/cgroup/memory.current": str(700 * 2**20),
            "sys/fs/cgroup/memory.stat": f"anon 1\ninactive_file {200 * 2**20}",
        },
        {
            "sys/fs/cgroup/memory/memory.limit_in_bytes": str(GIB),
            "sys/fs/cgroup/memory/memory.usage_in_bytes": str(700 * 2**20),
            "sys/fs/cgroup/memory/memory.stat": f"total_inactive_file {200 * 2**20}",
        },
    ],
    ids=["version 2", "version 1"],
)
def test_in_a_container_its_limit_is_the_memory(tree, files):
    memory = read_memory(tree(files))
    assert (memory.total_mib, memory.available_mib) == (1024, 524)
    assert memory.machine_total_mib == pytest.approx(MACHINE_MIB, abs=0.1)


def test_the_tightest_limit_on_the_way_up_counts(tree):
    root = tree(
        {
            "proc/self/cgroup": "0::/user.slice/run.scope",
            "sys/fs/cgroup/user.slice/memory.max": str(GIB),
            "sys/fs/cgroup/user.slice/run.scope/memory.max": str(2 * GIB),
        }
    )
    assert room(root).total_mib == 1024


def test_version_1_s_number_for_no_limit_is_none(tree):
    root = tree({"sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712"})
    assert room(root).total_mib == pytest.approx(MACHINE_MIB, abs=0.1)


def test_zfs_s_cache_counts_as_free_down_to_its_minimum(tree):
    stats = f"name type data\nsize 4 {12 * GIB}\nc_min 4 {2 * GIB}\nc_max 4 {16 * GIB}"
    root = tree({"proc/spl/kstat/zfs/arcstats": stats})
    assert reclaimable_mib(root) == 10 * 1024
    free = room(tree({})).available_mib
    assert min(MACHINE_MIB, free + 8 * 1024) <= room(root).available_mib <= MACHINE_MIB
    assert reclaimable_mib(tree({}) / "elsewhere") == 0
