"""What every chart has in common: the page's colours and fonts, and an SVG made fit for a page.

Colours are CSS variables, so that one drawing serves light, dark and print.
"""

import re
import xml.etree.ElementTree as ET
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from bench_pipeline.site.charts import lettering

if TYPE_CHECKING:
    from altair import Chart, LayerChart, Step

FONT = "Liberation Sans, Arial, Helvetica"
"""vl_convert measures text with its own fonts: only names with the same metrics are safe. What a
visitor's font measures plays no part, see `lettering`."""

THOUSANDS = "datum.value < 1000 ? datum.label : format(datum.value / 1000, '~f') + 'k'"
"""Labels of an axis from 0, each for itself: `500`, `1.5k`."""

ROWS = "rows"
"""Name of the dataset of a chart of configurations, which whoever draws has to fill."""

Vega = dict[str, Any]
"""A specification as Vega reads it. Not to be changed: it is shared."""

NO_TEXTS: Mapping[str, Sequence[str]] = {}

_SVG = "http://www.w3.org/2000/svg"
_TEXT = f"{{{_SVG}}}text"


def layered(
    layers: "Mapping[str, Chart]",
    *,
    width: float,
    height: "float | Step",
    padding: Mapping[str, float],
    **others: Any,
) -> "LayerChart":
    """The layers by name, the first one lowest, in the page's colours.

    `width` and `height` of the plot and the `padding` around it are in px: the drawing is exactly
    as wide as designed, whatever its labels measure. `others` are Altair's own.
    """
    import altair as alt

    chart = alt.LayerChart(
        layer=[layer.properties(name=name) for name, layer in layers.items()],
        width=width,
        height=height,
        padding=padding,
        autosize="none",
        **others,
    )
    return (
        chart.configure(font=FONT, background="transparent", aria=False)
        .configure_view(stroke=None)
        .configure_text(fontSize=lettering.SIZE_PX, fill="var(--ink)")
        .configure_axis(
            labelColor="var(--ink-2)",
            labelFontSize=lettering.SIZE_PX,
            titleColor="var(--ink-2)",
            titleFontSize=lettering.SIZE_PX,
            titleFontWeight="normal",
            gridColor="var(--line)",
            domainColor="var(--line-2)",
            tickColor="var(--line-2)",
            tickRound=False,  # a tick half a pixel off its value would contradict the marks
        )
    )


Names = tuple[str, str]
"""Of a kind of chart and of a size."""
_compiled: dict[Names, Vega] = {}


def compiled(
    names: Names, make: "Callable[[], LayerChart]", arrange: Callable[[Vega], Vega] | None = None
) -> Vega:
    """In Vega, to be drawn as often as there are data for it: what Altair and Vega-Lite do takes
    longer than the drawing. `arrange`: what is changed of it in Vega.

    A test holds every chart against the grammar's schema, which here would take as long again.
    """
    if names not in _compiled:
        import vl_convert
        from altair.utils.schemapi import debug_mode

        with debug_mode(False):
            written = make().to_dict(validate=False)
        made: Vega = vl_convert.vegalite_to_vega(written)
        del made["$schema"]
        _compiled[names] = arrange(made) if arrange else made
    return _compiled[names]


def learn(known: Mapping[Names, Vega]) -> None:
    """What another process compiled of the same code."""
    _compiled.update(known)


def all_compiled() -> dict[Names, Vega]:
    """By this process, or learned."""
    return dict(_compiled)


def filled(
    vega: Vega,
    data: Mapping[str, Sequence[dict[str, Any]]],
    signals: Mapping[str, Any] | None = None,
) -> Vega:
    """`vega` with these rows for its datasets and values for its signals, by name."""
    rows = [
        {**each, "values": data[each["name"]]} if each["name"] in data else each
        for each in vega["data"]
    ]
    if not signals:
        return {**vega, "data": rows}
    values = [
        {**each, "value": signals[each["name"]]} if each["name"] in signals else each
        for each in vega["signals"]
    ]
    return {**vega, "data": rows, "signals": values}


def printable(text: str) -> str:
    """XML knows no control characters: an escape sequence in a name must not end the build."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else "\ufffd" for c in text)


def held(text: str, *, bold: bool = False) -> dict[str, str]:
    """The attributes that hold a text to its width in any font."""
    px = f"{lettering.width_px(text, bold=bold):g}"
    return {"textLength": px, "lengthAdjust": "spacingAndGlyphs"}


def tidy(
    drawn: str,
    *,
    label: str,
    title: str,
    kind: str,
    marks: Mapping[str, Sequence[str]],
    texts: Mapping[str, Sequence[str]] = NO_TEXTS,
) -> str:
    """Vega's SVG as one image of class `kind`, labelled by `title`, whose marks say what they are.

    `marks`: for each named layer what its marks draw, in order; written as `data-row`. `texts`: for
    a layer of texts that were drawn empty, what each is to read. `label` is the title's id, unique
    on its page. Out: Vega's roles and labels for each mark (they can be reached by no keyboard),
    fonts repeated on each text, digits beyond a hundredth of a pixel. Each text gets the width that
    it was laid out with.
    """
    ET.register_namespace("", _SVG)
    root = ET.fromstring(drawn)
    for group in root.iter(f"{{{_SVG}}}g"):
        names = group.get("class", "").split()
        layer = names[-1].removesuffix("_marks") if names else ""
        if "role-mark" in names and layer in marks:
            for mark, row in zip(group, marks[layer], strict=True):
                mark.set("data-row", row)
        if "role-mark" in names and layer in texts:
            for mark, text in zip(group, texts[layer], strict=True):
                mark.text = text
    for element in root.iter():
        if element.tag == _TEXT and element.text:
            element.attrib |= held(element.text, bold=element.get("font-weight") == "600")
        for attribute in list(element.attrib):
            if attribute.startswith("aria-") or attribute in (
                "role",
                "pointer-events",
                "font-family",
            ):
                del element.attrib[attribute]
            elif attribute in ("d", "transform", "x2", "y2"):
                element.set(attribute, _rounded(element.attrib[attribute]))
    root.attrib.pop("version", None)
    root.attrib.update({"class": f"drawing {kind}", "role": "img", "aria-labelledby": label})
    heading = ET.Element(f"{{{_SVG}}}title", {"id": label})
    heading.text = printable(title)
    root.insert(0, heading)
    return ET.tostring(root, encoding="unicode")


def _rounded(numbers: str) -> str:
    def shorter(match: re.Match[str]) -> str:
        return f"{float(match[0]):.2f}".rstrip("0").rstrip(".")

    return re.sub(r"-?\d+\.\d{3,}", shorter, numbers)
