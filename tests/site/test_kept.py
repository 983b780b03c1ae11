import json
import random
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from bench_pipeline.paths import Project
from bench_pipeline.records.run import Run
from bench_pipeline.records.yaml.files import run_files, write_run
from bench_pipeline.site import crew, groups
from bench_pipeline.site.build import PAGES, build_site
from bench_pipeline.site.earlier import was_divided
from bench_pipeline.site.kept import Kept
from bench_pipeline.site.pages.press import Press
from bench_pipeline.site.tables.rows import model_href, run_href
from bench_pipeline.warehouse.refresh import refresh
from tests.factories import SMOLLM2, measured_run
from tests.session_factories import session_runs
from tests.site.conftest import EARLIER, GEMMA3, Made, make, on_h100
from tests.site.test_build import digest


@pytest.fixture(autouse=True, scope="module")
def drawn_once() -> Iterator[None]:
    """Vega makes the same drawing of the same specification (`test_build` shows it across
    processes): of builds compared here, the second draws what the first has not."""
    import vl_convert

    made: dict[str, str] = {}
    draw = vl_convert.vega_to_svg

    def draw_once(specification: dict[str, Any]) -> str:
        key = json.dumps(specification, sort_keys=True)
        if key not in made:
            made[key] = draw(specification)
        return made[key]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(vl_convert, "vega_to_svg", draw_once)
        yield


def kept(made: Made) -> Path:
    return made.project.warehouse.parent / PAGES


def without_anything_kept(made: Made, folder: Path) -> dict[str, str]:
    aside = folder / "aside"
    kept(made).rename(aside)
    try:
        build_site(made.project.warehouse, folder / "anew", made.project.root)
    finally:
        shutil.rmtree(kept(made), ignore_errors=True)
        aside.rename(kept(made))
    return digest(folder / "anew")


def one_of_each(number: int) -> list[Run]:
    """Runs of what there is already and of what there is not, on two machines with one card."""
    when = EARLIER + timedelta(hours=number)
    small = {"workloads": ["chat"], "concurrencies": [1], "started_at": when, "seed": number}
    return [
        measured_run(model=GEMMA3, build="b10500", **small),
        on_h100(**small),
        measured_run(rig="another-h100", backend="cuda", inventory=on_h100().inventory, **small),
        measured_run(model=SMOLLM2.model_copy(update={"slug": f"twin-{number}"}), **small),
        on_h100(**{**small, "seed": number + 50}, power_cap_w=300),
        *session_runs(
            {"b10068": 1.0, "b10092": 1.2}, turns=3, workloads=("chat",), started_at=when
        ),
    ]


def retitle(made: Made, number: int) -> None:
    path = next(made.project.rigs.glob("shared*.yaml"))
    lines = path.read_text().splitlines()
    lines = [f"title: Shared, {number}" if line.startswith("title:") else line for line in lines]
    path.write_text("\n".join(lines) + "\n")


@pytest.fixture(scope="module")
def two_models(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """For tests after which it is as it was."""
    small: dict[str, Any] = {"workloads": ["chat"], "concurrencies": [1]}
    runs = [measured_run(**small), measured_run(model=GEMMA3, **small)]
    made = make(tmp_path_factory.mktemp("two-models") / "project", runs)
    made.build()
    return made


@pytest.fixture
def own_two_models(two_models: Made, tmp_path: Path) -> Made:
    """With what is kept and the site as one file still, where both have it."""
    subprocess.run(["cp", "-a", two_models.project.root, tmp_path / "project"], check=True)
    made = Made(Project(tmp_path / "project"))
    made.build()
    return made


def page_of(made: Made, model: str) -> Path:
    return made.project.site / "models" / f"{model}.html"


def test_what_is_kept_gives_the_bytes_of_a_build_without_it_after_any_edit(
    own_two_models: Made, tmp_path: Path
):
    made, chance = own_two_models, random.Random(7)
    edits: list[Callable[[], object]] = [
        lambda: [write_run(run, made.project.runs) for run in one_of_each(1)],
        lambda: chance.choice(list(run_files(made.project.runs))).unlink(),
        lambda: retitle(made, chance.randrange(10)),
    ]
    chance.shuffle(edits)
    for edit in edits:
        edit()
        refresh(made.project)
        made.build()
        assert digest(made.project.site) == without_anything_kept(made, tmp_path)


def test_a_site_of_which_nothing_changed_is_left_as_it_lies(two_models: Made):
    before = page_of(two_models, GEMMA3.slug).parent.stat().st_ino
    first = two_models.build()
    refresh(two_models.project)
    assert two_models.build() == first
    assert page_of(two_models, GEMMA3.slug).parent.stat().st_ino == before


def test_an_unchanged_site_imports_nothing_that_makes_pages(two_models: Made):
    two_models.build()
    build = (
        "import sys; from pathlib import Path; from bench_pipeline.site.build import build_site;"
        " build_site(*map(Path, sys.argv[1:])); print(*sys.modules)"
    )
    project = two_models.project
    argv = [sys.executable, "-c", build, str(project.warehouse), str(project.site)]
    loaded = subprocess.run(argv, capture_output=True, text=True, check=True).stdout.split()
    makers = {"bench_pipeline.site.crew", "bench_pipeline.site.groups"}
    assert not {"numpy", "altair", "jinja2", *makers} & set(loaded)


def test_a_run_more_leaves_other_families_pages_as_they_lie(own_two_models: Made):
    gemma, smol = (page_of(own_two_models, slug) for slug in (GEMMA3.slug, SMOLLM2.slug))
    before = gemma.stat().st_ino, smol.stat().st_ino
    more = measured_run(started_at=EARLIER, workloads=["chat"], concurrencies=[1], seed=5)
    write_run(more, own_two_models.project.runs)
    refresh(own_two_models.project)
    own_two_models.build()
    assert gemma.stat().st_ino == before[0]
    assert smol.stat().st_ino != before[1]
    assert more.run_id in smol.read_text()


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Paths of the pages that this process makes."""
    made: list[str] = []
    page = Press.page

    def noted(press: Press, template: str, path: str = "", **values: Any) -> bytes:
        made.append(path or template)
        return page(press, template, path, **values)

    monkeypatch.setattr(Press, "page", noted)
    return made


def test_a_run_more_draws_its_own_page_and_its_models_again_of_its_family(
    own_two_models: Made, drawn: list[str]
):
    small: dict[str, Any] = {"workloads": ["chat"], "concurrencies": [1]}
    twin = SMOLLM2.model_copy(update={"slug": "twin", "variant": "1B"})
    write_run(measured_run(model=twin, **small), own_two_models.project.runs)
    refresh(own_two_models.project)
    own_two_models.build()
    more = measured_run(started_at=EARLIER, **small, seed=5)
    write_run(more, own_two_models.project.runs)
    refresh(own_two_models.project)
    drawn.clear()
    own_two_models.build()
    own = [path for path in drawn if path.startswith(("models/", "runs/"))]
    assert own == [run_href(more.run_id), model_href(SMOLLM2.slug)]


def test_a_page_that_somebody_wrote_into_is_made_again(two_models: Made):
    before = digest(two_models.project.site)
    with page_of(two_models, GEMMA3.slug).open("a") as page:
        page.write("<p>1,000 tok/s</p>")
    two_models.build()
    assert digest(two_models.project.site) == before


def test_a_damaged_entry_is_made_again(two_models: Made):
    before = digest(two_models.project.site)
    for path in kept(two_models).rglob("*.values"):
        content = bytearray(path.read_bytes())
        content[-5] ^= 1
        path.write_bytes(content)
    two_models.build()
    assert digest(two_models.project.site) == before


def test_what_no_build_used_any_more_is_removed(own_two_models: Made):
    folder, path = kept(own_two_models), f"models/{GEMMA3.slug}.html"
    of_gemma = [entry for entry in folder.iterdir() if Kept(folder).page(entry.name, path)]
    for run_file in run_files(own_two_models.project.runs):
        run_file.unlink()
    write_run(measured_run(workloads=["chat"], concurrencies=[1]), own_two_models.project.runs)
    refresh(own_two_models.project)
    own_two_models.build()
    assert [entry.exists() for entry in of_gemma] == [False]


def test_all_cores_make_the_bytes_that_one_makes(two_models: Made, tmp_path: Path, monkeypatch):
    monkeypatch.setattr(crew, "RUNS_WORTH_A_CREW", 1)
    monkeypatch.setattr(crew, "RUNS_AT_ONCE", 1)
    assert without_anything_kept(two_models, tmp_path) == digest(two_models.project.site)


def test_what_draws_families_charts_begins_early_where_the_last_site_had_them_and_draws_alike(
    own_two_models: Made, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    assert not was_divided(Kept(kept(own_two_models)))
    monkeypatch.setattr(groups, "ROWS_ON_ONE_PAGE", 0)
    own_two_models.build()
    assert was_divided(Kept(kept(own_two_models)))
    more = measured_run(started_at=EARLIER, workloads=["chat"], concurrencies=[1], seed=5)
    write_run(more, own_two_models.project.runs)
    refresh(own_two_models.project)
    own_two_models.build()
    assert digest(own_two_models.project.site) == without_anything_kept(own_two_models, tmp_path)
