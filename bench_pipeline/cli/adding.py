"""`python -m bench_pipeline add-model SOURCE`: a file of content/models/, written from what the
hub, the disk and the model's own header say."""

import argparse
import re
import sys
from typing import Any

import yaml

from bench_pipeline.errors import ModelError
from bench_pipeline.paths import Project

_SPDX = {"apache-2.0": "Apache-2.0", "mit": "MIT", "bsd-3-clause": "BSD-3-Clause"}
_ASKED = ("family", "variant", "quant", "released", "licence", "creator")


def add_to(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = commands.add_parser(
        "add-model", help="write content/models/NAME.yaml: hf:owner/repo/file.gguf, file:, url:"
    )
    of = "of a model in shards, the first one's; file:/FOLDER of safetensors"
    parser.add_argument("source", metavar="SOURCE", help=of)
    parser.add_argument("--slug", help="default: made of the file's name")
    for name in _ASKED:
        shape = " (YYYY-MM)" if name == "released" else ""
        parser.add_argument(f"--{name}", help=f"instead of what is found{shape}")
    parser.add_argument("--reasons", action="store_true", help="it thinks before it answers")
    parser.set_defaults(run=run)


def run(project: Project, options: argparse.Namespace) -> int:
    from bench_pipeline.importers.file_names import named, slug_of
    from bench_pipeline.models.describing import ENDING, describe
    from bench_pipeline.progress import Terminal
    from bench_pipeline.records.model import ModelFile
    from bench_pipeline.records.yaml.files import parse_record, write_atomically

    found = describe(options.source, Terminal())
    bare = found.file_name.removesuffix(".gguf").removesuffix(ENDING)
    name = named(f"{bare}.gguf", "")
    slug = options.slug or slug_of(name.stem or bare)
    path = project.models / f"{slug}.yaml"
    if path.exists():
        raise ModelError(
            f"content/models/{slug}.yaml is there already",
            mend="give --slug another name, or remove that file first",
            where=options.source,
        )
    values = _values(found.header, name, found, options)
    if lacking := [each for each in _ASKED if not values[each]]:
        raise ModelError(
            f"neither the file nor its page tells {', '.join(lacking)}",
            mend=f"give {' '.join(f'--{each} ...' for each in lacking)}",
            where=options.source,
        )
    document: dict[str, Any] = {each: values[each] for each in _ASKED}
    if options.reasons:
        document["reasons"] = True
    document["parts"] = [part.model_dump(mode="json", exclude_none=True) for part in found.parts]
    if len(found.parts) == 1 and not found.folder:
        for known in ("size_bytes", "sha256"):
            document["parts"][0].pop(known, None)
    document["file_name"] = found.file_name
    document["sha256"] = found.sha256
    document["size_bytes"] = sum(part.size_bytes or 0 for part in found.parts)
    text = _comment(found.header) + yaml.safe_dump(document, sort_keys=False, allow_unicode=True)
    parse_record(ModelFile, text.encode(), path)
    write_atomically(path, text.encode())
    print(f"{path.relative_to(project.root)}:\n\n{text}")
    for note in [*found.notes, *_doubts(found.header)]:
        print(f"  look: {note}", file=sys.stderr)
    print(f"measure it: make bench MODEL={slug}")
    return 0


def _values(
    header: dict[str, Any], name: Any, found: Any, options: argparse.Namespace
) -> dict[str, str | None]:
    """What a person said, else the file's name, which tells more of them than its header does,
    else the header, else the hub's page."""
    from bench_pipeline.models.gguf_header import QUANTS

    licence = str(header.get("general.license") or found.licence or "") or None
    told = {
        "family": (not name.by_the_engine and name.family)
        or header.get("general.basename")
        or header.get("general.name"),
        "variant": name.variant or header.get("general.size_label") or "unnamed",
        "quant": name.quant or QUANTS.get(header.get("general.file_type", -1)),
        "released": found.month,
        "licence": licence and _SPDX.get(licence.lower(), licence),
        "creator": found.owner or header.get("general.quantized_by"),
    }
    said = {each: getattr(options, each) for each in _ASKED}
    return {each: said[each] or (str(told[each]) if told[each] else None) for each in _ASKED}


def _comment(header: dict[str, Any]) -> str:
    """What the header says beyond the file's keys, for who reads it; empty: nothing."""
    kind = str(header.get("general.architecture", ""))
    facts = [
        f"architecture {kind}" if kind else "",
        *(
            f"{label} {header[f'{kind}.{key}']:,}"
            for label, key in (
                ("layers", "block_count"),
                ("trained for tokens", "context_length"),
                ("experts", "expert_count"),
                ("experts used", "expert_used_count"),
            )
            if isinstance(header.get(f"{kind}.{key}"), int)
        ),
    ]
    told = ", ".join(fact for fact in facts if fact)
    return f"# By the file's own header: {re.sub(r'[^ -~]', '?', told)}.\n" if told else ""


def _doubts(header: dict[str, Any]) -> list[str]:
    template = str(header.get("tokenizer.chat_template", ""))
    thinks = "<think>" in template or "enable_thinking" in template
    return ["its chat template knows thinking: `reasons: true`?"] if thinks else []
