from datetime import datetime

from bench_pipeline.site.tables.staleness import Ages


def run(build: str, number: int | None, started: datetime | None = None, **where: str):
    place = {"engine": "llama.cpp", "rig": "a-rig", "backend": "cuda", **where}
    return {**place, "build": build, "build_number": number, "started_at": started}


NOW, LONG_AGO = datetime(2026, 11, 22), datetime(2026, 8, 1)


def test_a_build_is_as_old_as_the_newest_of_its_engine_is_ahead():
    old, new = run("b10068", 10068), run("b11434", 11434)
    ages = Ages([new, old, run("0.9", 99999, engine="vllm")])
    assert ages.of(old) == "1,366 builds behind b11434"
    assert ages.of(new) == ""


def test_another_machine_s_newer_build_leaves_nothing_behind():
    old = run("b10068", 10068)
    elsewhere = [run("b11434", 11434, rig="another"), run("b11434", 11434, backend="cpu")]
    assert Ages([old, *elsewhere]).of(old) == ""


def test_a_run_of_long_ago_says_by_how_many_months():
    old = run("b11434", 11434, LONG_AGO)
    ages = Ages([old, run("b11434", 11434, NOW)])
    assert ages.of(old) == "measured 3 months before the newest run"


def test_nothing_is_said_of_a_build_without_number_and_a_run_without_date():
    unknown = run("cuda-1a68ec9", None)
    assert Ages([unknown, run("b11434", 11434, NOW)]).of(unknown) == ""
