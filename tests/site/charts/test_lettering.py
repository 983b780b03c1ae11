"""The widths that drawings are laid out with, and words broken into lines by them."""

import pytest

from bench_pipeline.site.charts import svg
from bench_pipeline.site.charts.lettering import SIZE_PX, lines, table, width_px

DETAIL = "H100 80GB HBM3 (One H100 of a virtual machine) · CUDA b11434 · 700 W"
WORDS = ("Gemma-3 270m", "1,234.5", "100.0 %", "b11434", "12.1 % faster", "é–·−…", "A" * 9)


@pytest.mark.parametrize("bold", [False, True], ids=["normal", "bold"])
def test_words_are_as_wide_as_the_library_that_draws_takes_them_for(bold: bool):
    import vl_convert

    for text in WORDS:
        encode = {"text": text, "font": svg.FONT, "fontSize": SIZE_PX}
        encode |= {"fontWeight": 600 if bold else "normal"}
        mark = {"type": "text", "encode": {"enter": {k: {"value": v} for k, v in encode.items()}}}
        alone = {"width": 1, "height": 1, "padding": 0, "autosize": "pad", "marks": [mark]}
        drawn = vl_convert.vega_to_scenegraph(alone)["width"]
        assert width_px(text, bold=bold) == pytest.approx(drawn, abs=1.1), text


def test_no_line_is_wider_than_its_room_and_no_word_is_lost():
    for room in range(60, 600, 20):
        broken = lines(DETAIL, room, most=20)
        assert " ".join(broken) == DETAIL
        assert max(map(width_px, broken)) <= room
        assert not any(line.startswith("·") for line in broken)


def test_a_word_without_a_space_is_broken_where_it_is_too_wide():
    broken = lines("x" * 100, 90, most=20)
    assert "".join(broken) == "x" * 100
    assert max(map(width_px, broken)) <= 90
    assert lines("W", 3, most=2) == ("W",)


def test_what_needs_more_lines_than_there_are_ends_in_an_ellipsis():
    broken = lines(DETAIL, 120, most=2, bold=True)
    assert len(broken) == 2 and broken[1].endswith("…")
    assert DETAIL.startswith(" ".join(broken).removesuffix("…"))
    assert max(width_px(line, bold=True) for line in broken) <= 120


def test_lines_are_of_like_length():
    widths = [width_px(line) for line in lines(DETAIL, width_px(DETAIL) - 1, most=2)]
    assert max(widths) < 0.7 * width_px(DETAIL)


def test_a_script_gets_the_same_widths():
    sent = table(DETAIL + "漢\u0301я")
    for text, bold in ((DETAIL, False), (DETAIL, True), ("漢e\u0301", False)):
        letters = sent["bold" if bold else "normal"]
        assert sum(letters[c] for c in text) == pytest.approx(width_px(text, bold=bold), abs=0.06)
    assert sent["other"] == sent["normal"]["я"] == pytest.approx(width_px("я"), abs=0.06)
