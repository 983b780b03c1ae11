"""What a machine is called before the name that its owner gave it."""

from datetime import UTC, datetime, timedelta
from typing import Any

from bench_pipeline.site.devices import headlines
from bench_pipeline.site.source import Row

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


def run(day: int, gpu: str | None, **fields: Any) -> Row:
    known = {"rig": "tower", "run_id": f"{day:012x}", "started_at": NOON + timedelta(days=day)}
    known |= {"backend": "cuda", "gpu": gpu, "gpu_memory_mib": gpu and 12_288.0}
    return known | {"power_cap_w": gpu and 250.0} | fields


def test_a_machine_is_called_by_its_newest_card():
    runs = [run(2, "NVIDIA GeForce RTX 5070"), run(1, "NVIDIA GeForce RTX 3060")]
    assert headlines(runs) == {"tower": "RTX 5070 \N{MIDDLE DOT} 12 GB \N{MIDDLE DOT} 250 W"}


def test_a_run_that_came_to_no_card_takes_no_name_away():
    runs = [run(1, "NVIDIA GeForce RTX 5070"), run(2, None, backend="cuda-card5")]
    assert headlines(runs)["tower"].startswith("RTX 5070")
