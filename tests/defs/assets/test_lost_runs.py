"""A lost run that Dagster asks for again: what was measured by then is not measured twice, also
where the run was asked for whatever is there."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest

from bench_pipeline.defs.assets.runs import RETRY_TAG, made_before_lost
from bench_pipeline.records.yaml.files import write_run
from tests.factories import measured_run

A_MINUTE = timedelta(minutes=1)


@dg.job
def lost() -> None:
    """It begins, at least."""


@pytest.mark.parametrize(
    ("tags", "made_after", "is_kept"),
    [
        ({RETRY_TAG: "1"}, A_MINUTE, True),
        ({RETRY_TAG: "1"}, -A_MINUTE, False),  # what was there before is to be measured again
        ({}, A_MINUTE, False),  # a person asked once more
    ],
)
def test_only_what_the_lost_run_made_is_kept(
    tmp_path: Path, tags: dict[str, str], made_after: timedelta, is_kept: bool
) -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        first = lost.execute_in_process(instance=instance).run_id
        again = instance.create_run_for_job(lost, parent_run_id=first, root_run_id=first, tags=tags)
        file = write_run(measured_run(started_at=datetime.now(UTC) + made_after), tmp_path)
        assert made_before_lost(instance, again, file) == is_kept


def test_one_that_never_began_made_nothing(tmp_path: Path) -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        first = instance.create_run_for_job(lost).run_id
        again = instance.create_run_for_job(
            lost, parent_run_id=first, root_run_id=first, tags={RETRY_TAG: "1"}
        )
        file = write_run(measured_run(started_at=datetime.now(UTC)), tmp_path)
        assert not made_before_lost(instance, again, file)
