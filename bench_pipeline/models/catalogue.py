"""Which models there are: one file each in `content/models/`."""

from bench_pipeline.errors import ModelError
from bench_pipeline.paths import Project
from bench_pipeline.records.model import ModelFile
from bench_pipeline.records.yaml.files import read_record

DEFAULT_MODEL = "smollm2-135m-instruct-q4_1"
"""Measured where nobody names a model and no campaign wants one: 98 MB."""


def known_model(project: Project, slug: str) -> ModelFile:
    """The catalogued model. ModelError with the choices if there is none of that name.

    Reads only its file: another model's broken file is no reason to refuse this one.
    """
    path = project.models / f"{slug}.yaml"
    if not path.is_file():
        choices = sorted(file.stem for file in project.models.glob("*.yaml"))
        raise ModelError(
            f"no model `{slug}`",
            mend=f"choose from: {', '.join(choices) or 'none yet, add one'}",
            where=project.models,
        )
    return read_record(ModelFile, path)
