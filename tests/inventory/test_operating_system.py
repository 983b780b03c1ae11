"""The operating system's name, from os-release."""

import platform

import pytest

from bench_pipeline.inventory.operating_system import read_operating_system

pytestmark = pytest.mark.skipif(platform.system() != "Linux", reason="os-release is Linux's")


@pytest.mark.parametrize(
    ("line", "name"),
    [
        ('PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"', "Debian GNU/Linux 12 (bookworm)"),
        ("PRETTY_NAME=Alpine", "Alpine"),
    ],
)
def test_the_name_is_the_one_that_people_read(tree, line, name):
    root = tree({"etc/os-release": f"ID=some\n{line}\nVERSION_ID=12"})
    assert read_operating_system(root).name == name


def test_a_name_shipped_in_usr_counts_where_etc_has_none(tree):
    root = tree({"usr/lib/os-release": "PRETTY_NAME='NixOS 25.11'"})
    assert read_operating_system(root).name == "NixOS 25.11"


def test_without_os_release_the_kernel_is_what_is_known(tree):
    system = read_operating_system(tree({}))
    assert (system.name, system.kernel) == ("Linux", platform.release())
