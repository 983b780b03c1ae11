"""What a model is called, and which file it is, says the catalogue and no run."""

import pytest

from bench_pipeline.records.run import Run
from bench_pipeline.warehouse.refresh import refresh
from tests.factories import SMOLLM2
from tests.warehouse.given import Here, given

NAMES = "family, variant, quant, creator, released, licence"
TRUE = ("SmolLM2", "135M-Instruct", "Q4_1", "QuantFactory", "2024-11", "Apache-2.0")
EVIL = ("Evil-LLM", "900B", "Q1", "me", "2025-01", "none")


@pytest.fixture
def renamed(small) -> Run:
    model = SMOLLM2.model_copy(update=dict(zip(NAMES.split(", "), EVIL, strict=True)))
    return small(rig="0-stranger", model=model)


def test_a_run_renames_no_model_of_the_catalogue_and_its_page_says_what_it_says(
    project, put, renamed, rows
):
    put(renamed)
    refresh(project)
    assert rows(f"select {NAMES} from runs") == [TRUE]
    assert rows("select distinct family, variant, quant from speed_ranges") == [TRUE[:3]]
    ((said,),) = rows("select unknown from runs")
    assert any("calls the model Evil-LLM 900B Q1" in line for line in said)


def test_a_model_that_leaves_the_catalogue_or_changes_there_is_read_anew(
    project, put, renamed, small, rows
):
    put(renamed)
    put(small(model=SMOLLM2.model_copy(update={"slug": "of-nobody"})))
    refresh(project)
    entry = project.models / f"{SMOLLM2.slug}.yaml"
    text = entry.read_text()
    entry.write_text(text.replace("variant: 135M-Instruct", "variant: 135M Instruct"))
    report = refresh(project)
    assert (report.ingested, report.unchanged) == (1, 1)
    assert rows("select variant from runs where rig = '0-stranger'") == [("135M Instruct",)]
    entry.unlink()
    refresh(project)
    assert rows(f"select {NAMES} from runs where rig = '0-stranger'") == [EVIL]
    assert refresh(project).ingested == 0


@given
def test_another_file_under_a_name_of_the_catalogue_is_marked(here: Here):
    here.put(here.small(model=SMOLLM2.model_copy(update={"sha256": "ab" * 32})))
    here.put(here.small(model=SMOLLM2.model_copy(update={"size_bytes": 98362433}), seed=2))
    here.put(here.small(seed=3))
    yield
    found = here.rows("select flags, count(*) from measurements group by all order by all")
    assert found == [([], 1), (["implausible"], 2)]
