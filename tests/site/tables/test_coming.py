"""What campaigns still want, of however many models."""

from dataclasses import replace

import pytest

from bench_pipeline.site.charts.views import chart_view
from bench_pipeline.site.pages.press import Press
from bench_pipeline.site.rigs.view import RigPage
from bench_pipeline.site.source import Row, Tables
from bench_pipeline.site.tables.coming import MODELS_NAMED, Campaign, _how, coming
from bench_pipeline.site.tables.row_data import row_data
from tests.site.conftest import Made
from tests.site.trends.trend_rows import tables


def wanting(models: int, **columns: object) -> Tables:
    items: list[Row] = [
        {
            "campaign": "all",
            "title": "All of them",
            "why": "To know.",
            "rig": "shared-vm-2core",
            "backend": "cpu",
            "build": "b10434",
            "concurrencies": [1, 4],
            "beside": [],
            "asked_workloads": [],
            "asked_cap_w": None,
            "parts": ["usual"],
            "mode": "baseline",
            "family": "Family",
            "variant": f"{number}B",
            "quant": "Q4_0",
            "done": False,
            "estimate_s": 600.0,
            "guessed": False,
            **columns,
        }
        for number in range(models)
    ]
    return tables(campaign_items=items, rigs=[{"rig": "shared-vm-2core", "title": "Shared VM"}])


def name(number: int) -> str:
    return f"Family {number}B Q4_0"


def of_rig(campaigns: list[Campaign]) -> RigPage:
    return RigPage(
        rig="shared-vm-2core",
        href="rigs/shared-vm-2core.html",
        title="Shared VM",
        kind="vm",
        card=None,
        counts="",
        setups=(),
        timeline=None,
        events=(),
        runs=(),
        wanted=tuple(campaigns),
    )


def test_up_to_the_bound_every_model_is_named_and_beyond_it_the_others_are_counted():
    ((few,),) = [campaign.wanted for campaign in coming(wanting(MODELS_NAMED))]
    assert (few.where, few.more) == ("Shared VM, CPU b10434, 1 and 4 streams", 0)
    ((many,),) = [campaign.wanted for campaign in coming(wanting(MODELS_NAMED + 3))]
    assert many.named == tuple(name(number) for number in range(MODELS_NAMED))
    assert many.more == 3
    assert many.models == tuple(name(number) for number in range(MODELS_NAMED + 3))


def test_a_model_that_is_not_named_on_the_front_page_stands_on_the_rigs(made: Made):
    campaigns = coming(wanting(600))
    site = replace(made.view, coming=tuple(campaigns), charts=())
    press = Press()
    front = press.page(
        "index.html", site=site, charts=chart_view((), made.tables), row_data=row_data(site.rows)
    ).decode()
    assert '<a href="rigs/shared-vm-2core.html#wanted-title">594 other models</a>' in front
    assert name(MODELS_NAMED - 1) in front and name(MODELS_NAMED) not in front
    page = press.page("rig.html", "rigs/shared-vm-2core.html", page=of_rig(campaigns)).decode()
    assert 'id="wanted-title"' in page
    assert all(page.count(f"<li>{name(number)}</li>") == 1 for number in range(600))


@pytest.mark.parametrize("models", [MODELS_NAMED, 600])
def test_models_of_a_rig_without_a_page_are_all_listed_at_once(made: Made, models: int):
    (campaign,) = coming(wanting(models, rig="gone"))
    assert [wanted.rig_href for wanted in campaign.wanted] == [""]
    page = Press().page("rig.html", "rigs/shared-vm-2core.html", page=of_rig([campaign])).decode()
    assert all(name(number) in page for number in range(models))


def test_what_is_left_says_how_long_it_takes_and_what_is_a_guess():
    (campaign,) = coming(wanting(3))
    assert campaign.progress == "0 of 3 runs made, about 30 min to go"
    assert [wanted.takes for wanted in campaign.wanted] == ["about 30 min"]
    (guessed,) = coming(wanting(1, guessed=True))
    assert guessed.progress == "0 of 1 run made, about 10 min (a guess) to go"
    (unknown,) = coming(wanting(1, estimate_s=None))
    assert (unknown.progress, unknown.wanted[0].takes) == ("0 of 1 run made", "")


def test_a_campaign_for_what_is_not_declared_says_what_it_waits_for():
    row = {"campaign": "c", "title": "T", "why": "W"}
    lacking = {**row, "places": ["strix-halo/rocm"], "models": ["a-128b", "b-119b"]}
    both, rig, neither = (
        tables(waiting_campaigns=[each])
        for each in (lacking, {**lacking, "models": []}, {**row, "places": [], "models": []})
    )
    assert coming(both)[0].waits == (
        "Waits for a rig with strix-halo/rocm and for a-128b and b-119b in the catalogue."
    )
    assert coming(rig)[0].waits == "Waits for a rig with strix-halo/rocm."
    assert (coming(neither)[0].waits, coming(neither)[0].progress) == ("", "no run wanted yet")


def test_what_is_more_than_the_usual_is_named():
    items = [
        {"parts": parts, "beside": [], "asked_workloads": [], "concurrencies": [1, 4]}
        for parts in (["usual"], ["usual", "deep"], ["deep", "conversations"])
    ]
    assert [_how(item) for item in items] == [
        "1 and 4 streams",
        "1 and 4 streams and long prompts",
        "long prompts and conversations",
    ]
