"""`python -m bench_pipeline mine`: content/ without rigs, runs and campaigns of others.

Nothing is deleted: what goes is moved into a folder beside content/, which git does not see.
"""

import argparse
import shutil
from datetime import UTC, datetime
from pathlib import Path

from bench_pipeline.errors import BenchError
from bench_pipeline.inventory.identity import this_rig
from bench_pipeline.paths import Project
from bench_pipeline.records.rig import Rig
from bench_pipeline.records.yaml.files import read_what_can_be
from bench_pipeline.site.wording import counted

QUESTIONS = (("Go on? Type `yes`: ", "yes"), ("Sure? Type `mine`: ", "mine"))

SITE_FACTS = """\
# Whose site it is. Every key is in docs/records.md; take the `#` away from those that you fill.
title: Token speeds
# author: Your Name
# home: https://you.example/
# address: https://you.example/speeds/
# licence: CC-BY-4.0
# repository: https://git.example/you/speeds
# social_image: https://you.example/speeds/card.png
"""


def add_to(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = commands.add_parser(
        "mine", help="start a site of your own: others' rigs, runs and campaigns move aside"
    )
    parser.set_defaults(run=run)


def run(project: Project, _: argparse.Namespace) -> int:
    kept, others = _others(project)
    print(f"These {counted(len(others), 'part')} of content/ are not this machine's:")
    for path in others:
        print(f"  {path.relative_to(project.root)}")
    print(
        "Workloads, conversations, models and engines stay"
        + (f", and the rig `{kept}`." if kept else ".")
    )
    for question, wanted in QUESTIONS:
        try:
            answer = input(question)
        except EOFError:
            answer = ""
        if answer.strip() != wanted:
            print("Nothing was changed.")
            return 1
    aside = set_aside(project, others)
    print(f"Moved to {aside.relative_to(project.root)}/; content/site.yaml is yours to fill.")
    print("`make bench` measures this machine and builds the site.")
    return 0


def _others(project: Project) -> tuple[str, list[Path]]:
    """This machine's rig, if it is declared, and what is not its own."""
    rigs, _ = read_what_can_be(Rig, project.rigs)
    here = this_rig(rigs)
    own = here.slug if here else ""
    found = [path for path in sorted(project.rigs.glob("*")) if path.stem != own]
    found += [path for path in sorted(project.runs.glob("*")) if path.name != own]
    found += sorted(project.campaigns.glob("*"))
    return own, found


def set_aside(project: Project, paths: list[Path]) -> Path:
    """Moves them into a new folder of the project, and begins content/site.yaml if there is none.
    BenchError if one cannot be moved; those before it are in that folder."""
    aside = project.root / f".content-aside-{datetime.now(UTC):%Y%m%dT%H%M%S}"
    for path in paths:
        target = aside / path.relative_to(project.content)
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.move(path, target)
        except OSError as error:
            raise BenchError(
                f"cannot be moved: {error.strerror}",
                mend=f"correct its permissions and do it again; what was moved is in {aside.name}",
                where=path,
            ) from None
    project.runs.mkdir(parents=True, exist_ok=True)
    if not project.site_facts.exists():
        project.site_facts.write_text(SITE_FACTS, encoding="utf-8")
    return aside
