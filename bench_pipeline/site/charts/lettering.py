"""How wide drawn words are, whatever font a visitor has.

A drawing is laid out with the widths below, and each of its texts carries the width that it was
given as its `textLength`: a browser squeezes or stretches the letters of its own font into it. So
nothing drawn depends on a font, and a script that draws anew needs this table and no canvas.
"""

import re
import unicodedata
from collections.abc import Iterable
from functools import cache, lru_cache
from typing import Any

SIZE_PX = 12
"""Of all text in drawings."""
LINE_PX = 15
"""From one line to the next."""

OTHER = 620
"""Width of a character that no table has."""

_NORMAL = {
    191: "'",
    222: "ijl‘’",
    260: "|¦",
    278: " !,./:;I[\\]ft\xa0·ÌÍÎÏìíîï",
    333: "()-`r¡¨²³´¸¹“”",
    334: "{}",
    350: "•",
    355: '"',
    365: "º",
    370: "ª",
    389: "*",
    400: "°",
    469: "^",
    500: "Jcksvxyzçýÿ",
    537: "¶",
    549: "±÷≤≥",
    552: "¯",
    556: "#$0123456789?L_abdeghnopqu¢£¤¥§«»àáâãäåèéêëðñòóôõöøùúûüþ–",
    576: "µ",
    584: "+<=>~¬×−",
    611: "FTZ¿ßø",
    667: "&ABEKPSVXYÀÁÂÃÄÅÈÉÊËÝÞ",
    722: "CDHNRUwÇÐÑÙÚÛÜ",
    737: "©®",
    778: "GOQÒÓÔÕÖØ",
    833: "Mm",
    834: "¼½¾",
    889: "%æ",
    944: "W",
    1000: "Æ—…→",
    1015: "@",
}
_BOLD = {
    238: "'",
    278: " ,./I\\ijl\xa0·ÌÍÎÏìíîï‘’",
    280: "|¦",
    333: "!()-:;[]`ft¡¨²³´¸¹",
    350: "•",
    365: "º",
    370: "ª",
    389: "*r{}",
    400: "°",
    474: '"',
    500: "z“”",
    549: "±÷≤≥",
    552: "¯",
    556: "#$0123456789J_aceksvxy¢£¤¥§«¶»àáâãäåçèéêëýÿ–",
    576: "µ",
    584: "+<=>^~¬×−",
    611: "?FLTZbdghnopqu¿ßðñòóôõöøùúûüþ",
    667: "EPSVXYÈÉÊËÝÞ",
    722: "&ABCDHKNRUÀÁÂÃÄÅÇÐÑÙÚÛÜ",
    737: "©®",
    778: "GOQwÒÓÔÕÖØ",
    833: "M",
    834: "¼½¾",
    889: "%mæ",
    944: "W",
    975: "@",
    1000: "Æ—…→",
}
"""Thousandths of the font's size: Liberation Sans, as vl_convert measures it."""

_WIDTHS = {
    bold: {character: width for width, those in table.items() for character in those}
    for bold, table in ((False, _NORMAL), (True, _BOLD))
}


@cache
def _thousandths(character: str, bold: bool) -> int:
    known = _WIDTHS[bold].get(character)
    if known is not None:
        return known
    if unicodedata.category(character) in ("Mn", "Me", "Cf"):
        return 0
    return 1000 if unicodedata.east_asian_width(character) in "WF" else OTHER


@lru_cache(4096)
def width_px(text: str, *, bold: bool = False) -> float:
    """To a tenth of a pixel."""
    return round(sum(_thousandths(c, bold) for c in text) * SIZE_PX / 1000, 1)


@lru_cache(4096)
def lines(text: str, room_px: float, *, most: int, bold: bool = False) -> tuple[str, ...]:
    """Broken at spaces, and within a word where one alone is too wide; of like length. No line is
    wider than `room_px`; what would need more than `most` lines ends in an ellipsis."""
    made = _filled(text, room_px, bold)
    if len(made) > most:
        kept = _fitting(" ".join(made[most - 1 :]), room_px - width_px("…", bold=bold), bold)
        return (*made[: most - 1], f"{kept.rstrip(' ·')}…")
    narrower = made
    while len(narrower) == len(made) > 1:
        made, room_px = narrower, room_px * 0.95
        narrower = _filled(text, room_px, bold)
    return tuple(made)


def _filled(text: str, room_px: float, bold: bool) -> list[str]:
    """Each line as full as it can be."""
    made = [""]
    for word in re.split(r" (?!·)", text):
        joined = f"{made[-1]} {word}" if made[-1] else word
        if width_px(joined, bold=bold) <= room_px:
            made[-1] = joined
            continue
        made += [""] if made[-1] else []
        left = word
        while width_px(left, bold=bold) > room_px and len(left) > 1:
            made[-1:] = [_fitting(left, room_px, bold), ""]
            left = left[len(made[-2]) :]
        made[-1] = left
    return made


def _fitting(text: str, room_px: float, bold: bool) -> str:
    """As much of its beginning as fits, one character at least."""
    room, taken = room_px * 1000 / SIZE_PX, 0
    for place, character in enumerate(text):
        taken += _thousandths(character, bold)
        if taken > room and place:
            return text[:place]
    return text


def table(characters: Iterable[str]) -> dict[str, Any]:
    """Widths of these and of ASCII for a script, in px: of `normal` and `bold` letters by
    character, and of `other` ones."""
    wanted = sorted({*characters, *map(chr, range(32, 127)), *"·–−…"})
    made: dict[str, Any] = {"other": OTHER * SIZE_PX / 1000}
    for name, bold in (("normal", False), ("bold", True)):
        made[name] = {c: round(_thousandths(c, bold) * SIZE_PX / 1000, 3) for c in wanted}
    return made
