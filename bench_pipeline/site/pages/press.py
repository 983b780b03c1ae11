"""Templates and static files: what turns a page's values into its bytes."""

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinja2 import BytecodeCache, Environment, FileSystemLoader, StrictUndefined
from jinja2.bccache import Bucket

from bench_pipeline.measures.definitions import DEFINITIONS
from bench_pipeline.records.site import DEFAULT_TITLE
from bench_pipeline.site import wording
from bench_pipeline.site.source import Row
from bench_pipeline.site.tables.columns import COLUMNS

_HERE = Path(__file__).parent.parent
STATIC = _HERE / "static"
"""Style sheets and scripts: of each kind, the files in order of name are published as one, under
a name that holds its hash."""

_COMMENTS = re.compile(rb"^[ \t]*/\*(?:(?!\*/).)*\*/[ \t]*\n", re.MULTILINE | re.DOTALL)
"""Those that stand on lines of their own: for who reads the source, not for who loads the page."""


NOBODY: Row = {
    "title": DEFAULT_TITLE,
    **dict.fromkeys(("author", "address", "licence", "repository", "social_image", "home")),
}
"""Of a site whose owner has said nothing."""


@dataclass(frozen=True)
class Assets:
    """Paths below the site's root."""

    css: str
    js: str
    compare_js: str
    """Of the compare page alone: a third of all script, for which no first page is to wait."""


class _Compiled(BytecodeCache):
    """Each template is compiled once for a process, however many sites it builds."""

    def __init__(self) -> None:
        self.code: dict[str, bytes] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        if code := self.code.get(bucket.key):
            bucket.bytecode_from_string(code)  # refused if the template's text is another

    def dump_bytecode(self, bucket: Bucket) -> None:
        self.code[bucket.key] = bucket.bytecode_to_string()


_COMPILED = _Compiled()


def learn(known: Mapping[str, bytes]) -> None:
    """Templates that another process compiled of the same code, by Jinja's key for each."""
    _COMPILED.code.update(known)


def all_compiled() -> dict[str, bytes]:
    """By this process, or learned."""
    return dict(_COMPILED.code)


class Press:
    """Renders templates; `files` are style and scripts that pages refer to."""

    def __init__(self, owner: Sequence[Row] = ()) -> None:
        """`owner`: the warehouse's table `site`, whose it is and where it will stand."""
        self.files, assets = _static_files()
        self.owner = owner[0] if owner else NOBODY
        self._environment = Environment(
            loader=FileSystemLoader(_HERE / "templates"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            bytecode_cache=_COMPILED,
        )
        self._environment.globals.update(
            assets=assets,
            columns=COLUMNS,
            dictionary=DEFINITIONS,
            owner=self.owner,
        )
        self._environment.filters.update(
            month=wording.month, counted=wording.counted, listed=wording.listed
        )

    def page(self, template: str, path: str = "", **values: Any) -> bytes:
        """`path`: of the page below the site's root; the template's name unless given. Pages of
        one template are of one kind, and say so."""
        path = path or template
        root = "../" * path.count("/")  # leads from the page's folder to the site's
        kind = template.removesuffix(".html")
        made = self._environment.get_template(template).render(
            root=root, path=path, kind=kind, **values
        )
        return made.encode()


def _static_files() -> tuple[dict[str, bytes], Assets]:
    css = b"\n".join(_parts("*.css"))
    js = b"\n".join([_words(), *_parts("*.js")])
    compare_js = b"\n".join(_parts("compare/*.js"))
    files = {
        _hashed("static/site", "css", css): css,
        _hashed("static/site", "js", js): js,
        _hashed("lazy/compare", "js", compare_js): compare_js,
    }
    return files, Assets(*files)


def _parts(pattern: str) -> list[bytes]:
    """In the order of their names, without comments."""
    return [_COMMENTS.sub(b"", path.read_bytes()) for path in sorted(STATIC.glob(pattern))]


def _hashed(name: str, kind: str, content: bytes) -> str:
    return f"{name}-{hashlib.sha256(content).hexdigest()[:10]}.{kind}"


def _words() -> bytes:
    """The glossary for the script, which shows a word's meaning where the word stands."""
    words = {key: entry.meaning for key, entry in DEFINITIONS.items()}
    return f"const WORDS = {json.dumps(words, separators=(',', ':'))};\n".encode()
