"""`CeleryRunLauncher`, which reads how to reach Redis from a file instead of its settings: Dagster
writes an instance's settings into each run that it sends."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dagster import StringSource
from dagster._serdes import ConfigurableClassData
from dagster_celery.launcher import CeleryRunLauncher

from bench_pipeline.farm.access import FILE, read_access
from bench_pipeline.farm.queues import CONTROL_QUEUE, broker_and_backend, celery_settings


class FarmLauncher(CeleryRunLauncher):
    """`home`: the folder with the access file."""

    def __init__(self, home: str, inst_data: ConfigurableClassData | None = None) -> None:
        broker, backend = broker_and_backend(read_access(Path(home) / FILE))
        super().__init__(
            default_queue=CONTROL_QUEUE,
            broker=broker,
            backend=backend,
            config_source=celery_settings(Path(home)),
            inst_data=inst_data,
        )

    @classmethod
    def config_type(cls) -> Any:
        return {"home": StringSource}

    @classmethod
    def from_config_value(
        cls, inst_data: ConfigurableClassData, config_value: Mapping[str, Any]
    ) -> "FarmLauncher":
        return cls(inst_data=inst_data, **config_value)
