"""Graphics cards for tests: what NVML answers of one, what amdgpu shows in /sys of two."""

from types import SimpleNamespace

import pynvml

NOT_SUPPORTED = pynvml.NVMLError(pynvml.NVML_ERROR_NOT_SUPPORTED)
RTX = {
    "nvmlDeviceGetName": "NVIDIA GeForce RTX 5070",
    "nvmlDeviceGetMemoryInfo": SimpleNamespace(total=12227 * 2**20),
    "nvmlSystemGetDriverVersion": "580.159.04",
    "nvmlSystemGetCudaDriverVersion_v2": 13010,
    "nvmlDeviceGetCudaComputeCapability": (12, 0),
    "nvmlDeviceGetPowerManagementLimit": 200_000,
    "nvmlDeviceGetEnforcedPowerLimit": 190_000,
    "nvmlDeviceGetPowerManagementDefaultLimit": 250_000,
    "nvmlDeviceGetPowerManagementLimitConstraints": [150_000, 275_000],
    "nvmlDeviceGetEccMode": [0, 0],
    "nvmlDeviceGetPciInfo": SimpleNamespace(busId=b"00000000:0A:00.0"),
    "nvmlDeviceGetCurrPcieLinkWidth": 8,
    "nvmlDeviceGetMaxPcieLinkWidth": 16,
}


class Nvml:
    """NVML with one card: `answers` by function; what it lacks the card does not support."""

    def __init__(self, answers: dict[str, object]) -> None:
        self.answers, self.users = answers, 0

    def __getattr__(self, name: str) -> object:
        if not name.startswith("nvml"):
            return getattr(pynvml, name)  # error classes and constants

        def function(*arguments: object) -> object:
            answer = self.answers.get(name, NOT_SUPPORTED)
            if isinstance(answer, Exception):
                raise answer
            return answer

        function.__name__ = name
        return function

    def nvmlInit(self) -> None:
        if "nvmlInit" in self.answers:
            raise self.answers["nvmlInit"]
        self.users += 1

    def nvmlShutdown(self) -> None:
        self.users -= 1

    def nvmlDeviceGetCount(self) -> int:
        return 1

    def nvmlDeviceGetHandleByIndex(self, index: int) -> int:
        return index


ADDRESS = "0000:03:00.0"
HOST_BRIDGE = {"vendor": "0x1022", "device": "0x14db", "class": "0x060400"}
SLOT = {
    "vendor": "0x1002",
    "device": "0x1478",
    "class": "0x060400",
    "current_link_speed": "2.5 GT/s PCIe",
    "max_link_speed": "16.0 GT/s PCIe",
    "current_link_width": "4",
    "max_link_width": "16",
}
INNER_SWITCH = {"vendor": "0x1002", "device": "0x1479", "class": "0x060400"}
CARD = {
    "vendor": "0x1002",
    "device": "0x744c",
    "revision": "0xc8",
    "class": "0x030000",
    "uevent": "DRIVER=amdgpu\nPCI_ID=1002:744C",
    "mem_info_vram_total": "25753026560",
    "mem_info_vis_vram_total": "25753026560",
    "mem_info_gtt_total": "33554432000",
    "pp_dpm_sclk": "0: 500Mhz \n1: 1208Mhz *\n2: 2526Mhz",
    "pp_dpm_mclk": "0: 96Mhz \n1: 456Mhz \n2: 772Mhz \n3: 1249Mhz *",
    "current_link_speed": "16.0 GT/s PCIe",
    "max_link_speed": "16.0 GT/s PCIe",
    "current_link_width": "16",
    "max_link_width": "16",
    "hwmon/hwmon4/power1_cap": "250000000",
    "hwmon/hwmon4/power1_cap_default": "327000000",
    "hwmon/hwmon4/power1_cap_min": "294000000",
    "hwmon/hwmon4/power1_cap_max": "402000000",
    "hwmon/hwmon4/temp1_input": "47000",
    "hwmon/hwmon4/freq1_input": "1208000000",
    "hwmon/hwmon4/freq2_input": "1249000000",
}
APU = {
    "vendor": "0x1002",
    "device": "0x1586",
    "revision": "0xc1",
    "class": "0x038000",
    "uevent": "DRIVER=amdgpu",
    "mem_info_vram_total": "536870912",
    "mem_info_vis_vram_total": "536870912",
    "mem_info_gtt_total": "103079215104",
    "pp_dpm_sclk": "0: 600Mhz *\n1: 1100Mhz \n2: 2900Mhz",
    "current_link_speed": "16.0 GT/s PCIe",
    "max_link_speed": "16.0 GT/s PCIe",
    "current_link_width": "16",
    "max_link_width": "16",
    "hwmon/hwmon6/in1_input": "762",
    "hwmon/hwmon6/temp1_input": "38000",
    "hwmon/hwmon6/power1_average": "12000000",
}
LIBDRM = {
    "proc/sys/kernel/osrelease": "6.17.4",
    "usr/share/libdrm/amdgpu.ids": "1.0.0\n744C,\tC8,\tAMD Radeon RX 7900 XTX\n",
}
