from collections import Counter
from pathlib import Path

from benchmarks.site_scale import CONCURRENCIES, PLACES, kind_of, synthetic_run
from benchmarks.site_speed import blocking_ms


def test_only_what_follows_the_first_paint_blocks():
    assert blocking_ms([(0, 90)], painted_ms=100) == 0
    assert blocking_ms([(0, 180), (300, 340)], painted_ms=100) == 30
    assert blocking_ms([(200, 300), (400, 460)], painted_ms=100) == 60


def test_synthetic_runs_are_distinct_configurations_of_each_model():
    runs = [synthetic_run(number) for number in range(2 * len(PLACES))]
    assert Counter(run.model.slug for run in runs) == {"model-0": 9, "model-1": 9}
    assert len({run.run_id for run in runs}) == len(runs)
    assert all(len(run.cells) == 4 * len(CONCURRENCIES) for run in runs)


def test_files_are_counted_by_folder():
    assert kind_of(Path("data/runs/a.yaml")) == "data"
    assert kind_of(Path("index.html")) == "index.html"
