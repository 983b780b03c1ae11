"""Machines with one card, and files with one name, are told apart wherever they are named."""

import re

from bench_pipeline.records.run import Run
from tests.factories import SMOLLM2, measured_run
from tests.other_engines import of_another_family
from tests.site.conftest import EARLIER, make, on_h100


def test_a_card_that_two_machines_have_is_named_with_its_machine(tmp_path):
    titled = on_h100(workloads=["chat"])
    visitor = measured_run(rig="visitor", backend="cuda", build="b11434", workloads=["chat"])
    site = make(tmp_path, [titled, visitor]).view
    names = {f"H100 80GB HBM3 ({rig})" for rig in ("One H100 of a virtual machine", "visitor")}
    assert {row.hardware.device for row in site.rows} == names
    chart = next(chart for chart in site.charts if chart.kind.name == "decode")
    assert {mark.detail.partition(" · ")[0] for mark in chart.marks} == names
    assert {run.hardware.device for run in site.models[0].runs} == names


def test_files_of_two_creators_with_one_name_are_named_with_their_creators(tmp_path):
    def by(creator: str | None, slug: str) -> Run:
        update = {"creator": creator, "slug": slug, "sha256": slug.ljust(64, "0")}
        return on_h100(workloads=["chat"], model=SMOLLM2.model_copy(update=update))

    site = make(tmp_path, [by("alice", "a1"), by(None, "b2")]).view
    names = {"SmolLM2 135M-Instruct Q4_1 (alice)", "SmolLM2 135M-Instruct Q4_1 (b2)"}
    assert {row.name for row in site.rows} == names
    assert {page.name for page in site.models} == names
    assert {run.model for page in site.models for run in page.runs} == names


def test_a_card_that_one_machine_has_and_a_file_that_alone_has_its_name_need_no_more(tmp_path):
    (row,) = make(tmp_path, [on_h100(workloads=["chat"], concurrencies=[1])]).view.rows
    assert row.hardware.device == "H100 80GB HBM3"
    assert row.name == "SmolLM2 135M-Instruct Q4_1"


def test_another_family_s_build_stands_nowhere_without_its_engine(tmp_path):
    """`CPU 1.2` says nothing. In a list of builds to choose from it stands alone, and in a table
    that has a row of engines above one of builds."""
    usual = measured_run(workloads=["chat"], concurrencies=[1], started_at=EARLIER)
    made = make(tmp_path, [of_another_family([]), usual])
    made.build()
    for page in sorted(made.project.site.rglob("*.html")):
        words = re.sub(r"<option.*?</option>|<script.*?</script>", "", page.read_text(), flags=re.S)
        words = " ".join(re.sub(r"<[^>]+>", " ", words).split())
        for found in re.finditer(r"(?<![\w.-])1\.2(?![\w.])", words):
            before = words[: found.start()].rstrip()
            assert before.endswith(("another", "llama.cpp Build")), (page.name, before[-60:])
