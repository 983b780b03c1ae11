"""Which models there are: those that the files of `content/models/` declare."""

from collections.abc import Iterable

from bench_pipeline.errors import ModelError
from bench_pipeline.paths import Project
from bench_pipeline.records.model import ModelFile
from bench_pipeline.records.yaml.model_files import read_catalogue, read_model

DEFAULT_MODEL = "smollm2-135m-instruct-q4_1"
"""Measured where nobody names a model and no campaign wants one: 98 MB."""


def known_model(project: Project, slug: str) -> ModelFile:
    """The catalogued model. ModelError with the choices if there is none of that name.

    Reads only its file: another model's broken file is no reason to refuse this one.
    """
    found = read_model(project.models, slug)
    if found is None:
        raise _no_model(project, slug)
    if found[0].slug != slug:
        raise ModelError(
            f"`{slug}` is a head of {len(found)} files",
            mend=f"name one, {found[0].slug}, or all: '{slug}@*'",
            where=project.models / f"{slug}.yaml",
        )
    return found[0]


def named_models(project: Project, names: Iterable[str]) -> list[str]:
    """Slugs of what `names` name, each once, in their order: a slug stays as it is, and patterns
    become those that match: `gemma-3-270m@*`, `qwen3-*`. ModelError if one matches none."""
    found: dict[str, None] = {}
    for name in names:
        if not {"@", "*", "?"} & set(name):
            found[name] = None
            continue
        models = read_catalogue(project.models)[0].values()
        slugs = [model.slug for model in models if model.is_named(name)]
        if not slugs:
            raise _no_model(project, name)
        found |= dict.fromkeys(slugs)
    return list(found)


def _no_model(project: Project, name: str) -> ModelError:
    choices = sorted(read_catalogue(project.models)[0])
    return ModelError(
        f"no model `{name}`",
        mend=f"choose from: {', '.join(choices) or 'none yet, add one'}",
        where=project.models,
    )
