"""What stands beside the decode rate."""

from pathlib import Path

import yaml

from bench_pipeline.paths import Project
from bench_pipeline.site.tables.columns import FOR_MONEY
from bench_pipeline.warehouse.refresh import refresh
from tests.factories import measured_cell, measured_run
from tests.site.conftest import make


def test_a_row_tells_memory_file_efficiency_and_speed_for_money(tmp_path: Path):
    project = Project(tmp_path / "project")
    cell = measured_cell("chat", 1, decode_tok_s=120.0, device="CUDA0")
    made = make(project.root, [measured_run(rig="h100-vm", backend="cuda", cells=[cell])])
    file = project.rigs / "h100-vm.yaml"
    declared = yaml.safe_load(file.read_text())
    file.write_text(yaml.safe_dump({**declared, "price": 600, "currency": "EUR"}))
    refresh(project)
    (row,) = made.view.rows
    figure = row.listed[0]
    assert figure.metrics["tok_s_per_w"] == 1 / figure.metrics["joules_per_token"]
    assert figure.metrics[FOR_MONEY] == figure.tok_s / 600
    assert row.hardware.details[-1] == "600 EUR"
    assert row.size == "98.4 MB"


def test_a_rig_without_a_price_has_no_speed_for_money(made):
    assert {row.metric(FOR_MONEY) for row in made.view.rows} == {"–"}
