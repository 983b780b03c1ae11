"""Style sheets and scripts as they are published."""

import re

import pytest

from bench_pipeline.site.pages.press import STATIC, _static_files

COMMENT = re.compile(rb"/\*(?:(?!\*/).)*\*/", re.DOTALL)


@pytest.mark.parametrize("kind", ["css", "js"])
def test_what_is_published_lacks_comments_and_no_code(kind: str) -> None:
    (published,) = (text for path, text in _static_files()[0].items() if path.endswith(kind))
    written = b"\n".join(path.read_bytes() for path in sorted(STATIC.glob(f"*.{kind}")))
    if kind == "js":
        words, _, published = published.partition(b"\n")
        assert words.startswith(b"const WORDS = {")
    assert not re.search(rb"^\s*/\*[^\n]*\*/\s*$", published, re.MULTILINE)
    assert COMMENT.sub(b"", published).split() == COMMENT.sub(b"", written).split()
