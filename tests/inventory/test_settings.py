"""Governor, power source and kernel parameters, as /sys and /proc show them."""

import pytest

from bench_pipeline.inventory.settings import read_settings
from bench_pipeline.records.inventory import Settings

CPU = "sys/devices/system/cpu"
SUPPLY = "sys/class/power_supply"


def test_a_machine_that_shows_nothing_has_no_settings(tree):
    assert read_settings(tree({})) == Settings(kernel_parameters={})


def test_a_laptop_at_the_mains_is_read(tree):
    found = read_settings(
        tree(
            {
                f"{CPU}/cpu0/cpufreq/scaling_governor": "powersave",
                f"{CPU}/cpu1/cpufreq/scaling_governor": "powersave",
                f"{CPU}/cpu0/cpufreq/energy_performance_preference": "balance_performance",
                "sys/firmware/acpi/platform_profile": "low-power",
                f"{SUPPLY}/AC/type": "Mains",
                f"{SUPPLY}/AC/online": "1",
                f"{SUPPLY}/BAT0/type": "Battery",
                f"{SUPPLY}/BAT0/status": "Charging",
                "opt/rocm/.info/version": "6.4.1-83",
            }
        )
    )
    assert (found.governor, found.energy_preference) == ("powersave", "balance_performance")
    assert (found.platform_profile, found.power_source) == ("low-power", "mains")
    assert found.rocm_version == "6.4.1-83"


@pytest.mark.parametrize(
    ("files", "source"),
    [
        ({"BAT0/type": "Battery", "BAT0/status": "Discharging", "AC/type": "Mains"}, "battery"),
        ({"BAT0/type": "Battery", "BAT0/status": "Full"}, "mains"),
        ({"mouse/type": "Battery", "mouse/scope": "Device", "mouse/status": "Discharging"}, None),
        ({"AC/type": "Mains", "AC/online": "0"}, None),
    ],
)
def test_what_powers_the_machine_is_told_by_its_supplies(tree, files, source):
    root = tree({f"{SUPPLY}/{name}": text for name, text in files.items()})
    assert read_settings(root).power_source == source


def test_cores_that_differ_are_counted(tree):
    governors = ["performance", "schedutil", "performance"]
    root = tree({f"{CPU}/cpu{n}/cpufreq/scaling_governor": g for n, g in enumerate(governors)})
    assert read_settings(root).governor == "performance (2), schedutil (1)"


def test_kernel_parameters_that_bear_on_speed_are_read_and_no_others(tree):
    root = tree(
        {
            "proc/cmdline": "root=UUID=1-2 ttm.pages_limit=1 quiet amd_iommu=off",
            "sys/module/ttm/parameters/pages_limit": "27648000",
            "sys/module/amdgpu/parameters/gttsize": "-1",
        }
    )
    found = read_settings(root).kernel_parameters
    assert found == {"amd_iommu": "off", "ttm.pages_limit": "27648000"}


def test_firmware_is_the_boards_and_the_processors(tree):
    root = tree({"sys/class/dmi/id/bios_version": "F31"})
    assert read_settings(root).firmware == "BIOS F31"
    cpuinfo = "processor\t: 0\nmicrocode\t: 0xa20102b\nflags\t\t: fpu"
    tree({"proc/cpuinfo": cpuinfo})
    assert read_settings(root).firmware == "BIOS F31, microcode 0xa20102b"
