"""Which machine a plan is worked off on: the one that it means, or none."""

from bench_pipeline.errors import RecordError, RigError
from bench_pipeline.inventory.capture import capture_inventory
from bench_pipeline.inventory.declare import declare
from bench_pipeline.inventory.identity import identify, rig_here
from bench_pipeline.paths import Project
from bench_pipeline.progress import Reporter
from bench_pipeline.records.plan import Plan
from bench_pipeline.records.rig import Rig
from bench_pipeline.records.yaml.files import dump_record, read_named, write_atomically

_IDENTITY = ("machine_id", "machine_id_as_user", "machine_marks")


def machine_of(plan: Plan, home: Project, this_is: str | None, reporter: Reporter) -> Rig:
    """The rig of `plan`, which must be this machine; its file, with the identity by which it is
    known, lies in `home` from now on.

    this_is   what a person says this machine is: asked for once where no file says it

    RigError if it is another machine or nobody said that it is this one; RecordError if the file
    cannot be read or written.
    """
    if this_is not in (None, plan.slug):
        raise RigError(
            f"this machine is said to be `{this_is}`, the plan is for `{plan.slug}`",
            mend="take the plan of that rig, or correct --this-is",
        )
    known = read_named(Rig, home.rigs, plan.slug)
    if plan.rig is None:
        return rig_here(home, plan.slug) if known else _newly_declared(plan.slug, home, reporter)
    rig = plan.rig
    if rig.machine_id is None:
        if known is not None and known.machine_id:
            identity = {name: getattr(known, name) for name in _IDENTITY}
        elif this_is:
            me = identify()
            values = (me.machine_id, me.as_user, sorted(me.marks))
            identity = dict(zip(_IDENTITY, values, strict=True))
        else:
            raise RigError(
                f"the plan is for `{rig.slug}`, whose rig file names no machine",
                mend=f"if this is that machine, say so once: --this-is {rig.slug}",
            )
        rig = rig.model_copy(update=identity)
    write_atomically(home.rigs / f"{rig.slug}.yaml", dump_record(rig))
    try:
        return rig_here(home, rig.slug)
    except RigError as error:
        raise RigError(
            f"the plan is for `{rig.slug}`, which is another machine than this one",
            mend=f"take it there; or, if this is that machine, {_own_words(error)}, and make the"
            " plan again",
        ) from None


def _own_words(error: RigError) -> str:
    """What `rig_here` says of the identity."""
    return error.mend.partition("if this is that machine, ")[2] or "correct its rig file"


def _newly_declared(slug: str, home: Project, reporter: Reporter) -> Rig:
    inventory = capture_inventory()
    rig = declare(home, inventory, identify(), slug)
    if rig.slug != slug:
        raise RecordError(
            f"cannot be the name of a rig; `{rig.slug}` could",
            mend="make the plan again with another name",
            where=slug,
        )
    for gap in inventory.gaps:
        reporter.say(f"not known: {gap}")
    reporter.say(f"Declared {slug}: {home.rigs / slug}.yaml")
    return rig
