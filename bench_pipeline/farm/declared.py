"""A rig's own file, which it declares on itself, on its way into the control plane's content."""

import dagster as dg

from bench_pipeline.errors import RecordError
from bench_pipeline.farm.beats import rigs_heard_of
from bench_pipeline.paths import Project
from bench_pipeline.records.rig import Rig
from bench_pipeline.records.yaml.files import parse_record, write_atomically

_PREFIX = "bench_pipeline/declared/"


def tell_declaration(instance: dg.DagsterInstance, project: Project, slug: str) -> None:
    text = (project.rigs / f"{slug}.yaml").read_text()
    instance.daemon_cursor_storage.set_cursor_values({_PREFIX + slug: text})


def take_declarations(instance: dg.DagsterInstance, project: Project) -> list[str]:
    """Writes the files of rigs that give signs of life and are not known here. What is here stays:
    a person may have edited it. A line for each that was new, or that cannot be taken."""
    cursors, lines = instance.daemon_cursor_storage, []
    for name in rigs_heard_of(instance):
        path = project.rigs / f"{name}.yaml"
        if path.exists():
            continue
        text = cursors.get_cursor_values({_PREFIX + name}).get(_PREFIX + name)
        if not text:
            continue
        try:
            rig = parse_record(Rig, text.encode(), path)
            if rig.slug != name or path.parent != project.rigs:
                raise RecordError("its name is another", mend="declare it anew", where=path)
        except RecordError as error:
            lines.append(f"the rig file of {name} cannot be taken: {error}")
            cursors.set_cursor_values({_PREFIX + name: ""})  # said once
            continue
        write_atomically(path, text)
        lines.append(f"{name} has joined; its file is {path}")
    return lines
