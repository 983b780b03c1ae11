"""Style sheets and scripts as they are published."""

import re

import pytest

from bench_pipeline.site.pages.press import STATIC, _static_files

COMMENT = re.compile(rb"/\*(?:(?!\*/).)*\*/", re.DOTALL)


@pytest.mark.parametrize("pattern", ["*.css", "*.js", "compare/*.js"])
def test_what_is_published_lacks_comments_and_no_code(pattern: str) -> None:
    kinds = {"*.css": "css", "*.js": "js", "compare/*.js": "compare_js"}
    files, assets = _static_files()
    published = files[getattr(assets, kinds[pattern])]
    written = b"\n".join(path.read_bytes() for path in sorted(STATIC.glob(pattern)))
    assert len(written) > 1000
    if pattern == "*.js":
        words, _, published = published.partition(b"\n")
        assert words.startswith(b"const WORDS = {")
    assert not re.search(rb"^\s*/\*[^\n]*\*/\s*$", published, re.MULTILINE)
    assert COMMENT.sub(b"", published).split() == COMMENT.sub(b"", written).split()
