"""Templates and static files: what turns a page's values into its bytes."""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from bench_pipeline.measures.definitions import DEFINITIONS
from bench_pipeline.site import wording
from bench_pipeline.site.view import Site

_HERE = Path(__file__).parent.parent
STATIC = _HERE / "static"
"""Style sheets and scripts: of each kind, the files in order of name are published as one, under
a name that holds its hash."""


@dataclass(frozen=True)
class Assets:
    """Paths below the site's root."""

    css: str
    js: str


class Press:
    """Renders templates; `files` are the static files that every page refers to."""

    def __init__(self, site: Site) -> None:
        self.files, assets = _static_files()
        self._environment = Environment(
            loader=FileSystemLoader(_HERE / "templates"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._environment.globals.update(site=site, assets=assets, dictionary=DEFINITIONS)
        self._environment.filters.update(
            month=wording.month, counted=wording.counted, listed=wording.listed
        )

    def page(self, template: str, root: str = "", **values: Any) -> bytes:
        """`root` leads from the page's folder to the site's: `../` for a page one folder down."""
        return self._environment.get_template(template).render(root=root, **values).encode()


def _static_files() -> tuple[dict[str, bytes], Assets]:
    files, named = {}, {}
    for kind in ("css", "js"):
        content = b"\n".join(path.read_bytes() for path in sorted(STATIC.glob(f"*.{kind}")))
        named[kind] = f"static/site-{hashlib.sha256(content).hexdigest()[:10]}.{kind}"
        files[named[kind]] = content
    return files, Assets(**named)
