"""A rig or a backend that somebody names, which must be declared; else what there is to choose
from."""

from pathlib import Path

from bench_pipeline.errors import RecordError
from bench_pipeline.records.rig import BackendName, Rig
from bench_pipeline.records.yaml.files import read_named
from bench_pipeline.records.yaml.finding import record_files
from bench_pipeline.records.yaml.strict import printable


def known_rig(rigs: Path, slug: str) -> Rig:
    """The rig of `rigs/<slug>.yaml`, whatever is wrong with those beside it. RecordError if its
    file is broken, or with the choices if there is none."""
    found = read_named(Rig, rigs, slug)
    if found is None:
        raise no_rig(rigs, slug, rigs)
    return found


def no_rig(rigs: Path, slug: str, where: str | Path) -> RecordError:
    """For who names it at `where`."""
    choices = ", ".join(path.stem for path in record_files(rigs)) or "none yet"
    return RecordError(
        f"no rig `{printable(slug)}`",
        mend=f"choose from: {choices}; or declare it in content/rigs/",
        where=where,
    )


def known_backend(rigs: Path, rig: Rig, name: str) -> BackendName:
    """The backend `name`. RecordError with the choices if `rig` does not declare it."""
    for backend in rig.backends:
        if backend == name:
            return backend
    raise RecordError(
        f"the rig `{rig.slug}` declares no backend `{printable(name)}`",
        mend=f"choose from: {', '.join(rig.backends)}; or declare it in its file",
        where=rigs / f"{rig.slug}.yaml",
    )
