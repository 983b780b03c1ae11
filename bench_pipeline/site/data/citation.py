"""Whose the data is, under which licence, and how to cite it."""

from dataclasses import dataclass
from hashlib import sha256

import yaml

from bench_pipeline.site.source import Tables
from bench_pipeline.site.wording import counted

TITLE = "Token speeds: measured inference speed of open-weight models"
AUTHOR = "The bench_pipeline project"
LICENCE = "Creative Commons Attribution 4.0 International (CC BY 4.0)"
LICENCE_SPDX = "CC-BY-4.0"
LICENCE_URL = "https://creativecommons.org/licenses/by/4.0/"


@dataclass(frozen=True)
class Edition:
    """The state of the data: another set of run files is another edition."""

    day: str
    """Of the newest run; empty where no run has a date."""
    fingerprint: str
    """Twelve digits of the SHA-256 over all run files' SHA-256, sorted: one a line."""
    run_files: int

    @property
    def name(self) -> str:
        return "+".join(part for part in (self.day, self.fingerprint) if part)


def edition(tables: Tables) -> Edition:
    days = [f"{run['started_at']:%Y-%m-%d}" for run in tables.runs if run["started_at"]]
    hashes = "".join(f"{digest}\n" for digest in sorted(f["sha256"] for f in tables.run_files))
    return Edition(
        day=max(days, default=""),
        fingerprint=sha256(hashes.encode()).hexdigest()[:12],
        run_files=len(tables.run_files),
    )


def sources(tables: Tables) -> list[tuple[str, str]]:
    """Title and address of each page that figures were taken from, as its run files name it."""
    return sorted(
        {
            (run["source_title"], run["source_url"])
            for run in tables.runs
            if run["provenance"] == "published" and run["source_title"]
        }
    )


def reference(of: Edition) -> str:
    """One line for a list of references."""
    return f"{AUTHOR}. {TITLE}. Edition {of.name}, {counted(of.run_files, 'run file')}. CC BY 4.0."


def citation_cff(of: Edition) -> str:
    """Citation File Format 1.2.0. No author but the project: no other is known to the data."""
    record = {
        "cff-version": "1.2.0",
        "message": "If you use this data, please cite it as below, with the run ids of the "
        "figures that you quote.",
        "type": "dataset",
        "title": TITLE,
        "authors": [{"name": AUTHOR}],
        "version": of.name,
        **({"date-released": of.day} if of.day else {}),
        "license": LICENCE_SPDX,
        "license-url": LICENCE_URL,
    }
    return yaml.safe_dump(record, sort_keys=False, allow_unicode=True, width=1000)


def licence_text(tables: Tables) -> str:
    lines = [
        TITLE,
        "",
        "Run files of provenance `measured` and `imported`, and all tables made from them:",
        LICENCE,
        f"{LICENCE_URL}legalcode",
        "",
        "You may share and adapt this data for any purpose, also commercially. Name its source",
        f'("{AUTHOR}" and the edition, or the run ids), link the licence, and say if you',
        "changed something.",
        "",
        "Figures of provenance `published` are not under this licence: they were taken from",
        "other pages as printed, stay with their sources, and must be cited from there.",
        *(f"- {title}: {url}" for title, url in sources(tables)),
        "",
        "The models that were measured have licences of their own; no weights are published here.",
    ]
    return "\n".join(lines) + "\n"
