"""The contrast of the style sheet's colours, computed: axe judges no chart and no sticky cell."""

import re

import pytest

from bench_pipeline.site.pages.press import STATIC

GROUNDS = ("paper", "panel")
TEXT = ("ink", "ink-2", "link", "good", "warn", "bad")
MARKS = ("bar", "line-2", "c1", "c2", "c3", "c4", "c5", "c6", *TEXT)
PALE = ("line", "bar-elsewhere")
"""Grid lines, and the ground of intervals and of bars with an outline: never alone a mark."""

Theme = dict[str, str]
"""Six hexadecimal digits by the colour's name."""


def style() -> str:
    return "\n".join(path.read_text() for path in sorted(STATIC.glob("*.css")))


def theme(selector: str) -> Theme:
    blocks = re.findall(rf"^ *{re.escape(selector)} \{{([^}}]*)\}}", style(), re.MULTILINE)
    return dict(re.findall(r"--([\w-]+): #([0-9a-f]{6});", " ".join(blocks)))


LIGHT = theme(":root")
DARK = theme(':root[data-theme="dark"]')
THEMES = {"light": LIGHT, "dark": DARK}


def luminance(colour: str) -> float:
    """Relative luminance of WCAG 2, 0 to 1."""
    parts = [int(colour[place : place + 2], 16) / 255 for place in (0, 2, 4)]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(first: str, second: str) -> float:
    """Contrast ratio of WCAG 2, 1 to 21."""
    lighter, darker = sorted((luminance(first), luminance(second)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def test_contrast_is_that_of_the_standard():
    assert contrast("000000", "ffffff") == pytest.approx(21)
    assert contrast("777777", "ffffff") == pytest.approx(4.48, abs=0.005)


def test_both_themes_give_every_colour_a_value():
    assert set(LIGHT) == set(DARK) == {*GROUNDS, *MARKS, *PALE}
    assert theme(':root:not([data-theme="light"])') == DARK


LENGTHS = {"rows"}
"""Variables that are no colours: pages set them in `style` attributes."""


def test_no_rule_uses_another_colour():
    rules = re.sub(r"--[\w-]+: #[0-9a-f]{6};", "", style())
    assert re.findall(r"#[0-9a-fA-F]{3,8}\b(?=[;\s])|rgba?\(|hsla?\(", rules) == []
    assert set(re.findall(r"var\(--([\w-]+)", rules)) - LENGTHS <= set(LIGHT)


@pytest.mark.parametrize("name", THEMES)
def test_text_has_a_contrast_of_at_least_four_and_a_half(name: str):
    colours = THEMES[name]
    for ground in GROUNDS:
        for text in TEXT:
            assert contrast(colours[text], colours[ground]) >= 4.5, (text, ground)


@pytest.mark.parametrize("name", THEMES)
def test_marks_have_a_contrast_of_at_least_three(name: str):
    colours = THEMES[name]
    for ground in GROUNDS:
        for mark in MARKS:
            assert contrast(colours[mark], colours[ground]) >= 3, (mark, ground)
    for mark in ("bar", "ink", "ink-2", "good", "bad"):
        assert contrast(colours[mark], colours["bar-elsewhere"]) >= 3, mark
