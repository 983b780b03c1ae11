"""What happens to a file on its way: each a function of a text and dice, to the damaged text."""

import random
import re
from collections.abc import Callable

Damage = Callable[[str, random.Random], str]

DIGIT = re.compile(r"[0-9]")
_TABLE = re.compile(r"^( +)\w+: \|\n((?:\1  .*\n)+)", re.MULTILINE)


def with_line(text: str, dice: random.Random, change: Callable[[str], str]) -> str:
    lines = text.splitlines(keepends=True)
    at = dice.randrange(len(lines))
    return "".join([*lines[:at], change(lines[at]), *lines[at + 1 :]])


def with_table(text: str, dice: random.Random, change: Callable[[list[list[str]]], object]) -> str:
    """`change` changes the fields of a table's lines in place; the header is its first."""
    found = dice.choice(list(_TABLE.finditer(text)))
    indent = f"{found[1]}  "
    rows = [line.removeprefix(indent).split(",") for line in found[2].splitlines()]
    change(rows)
    block = "".join(f"{indent}{','.join(row)}\n" for row in rows)
    return text[: found.start(2)] + block + text[found.end(2) :]


def number_in(row: list[str], dice: random.Random) -> int:
    return dice.choice([at for at, field in enumerate(row) if DIGIT.match(field)])


def swap(row: list[str], a: int, b: int) -> None:
    row[a], row[b] = row[b], row[a]


def cut_off(text: str, dice: random.Random) -> str:
    return text[: dice.randrange(len(text))]


def head_lost(text: str, dice: random.Random) -> str:
    return text[dice.randrange(1, len(text)) :]


def piece_lost(text: str, dice: random.Random) -> str:
    begin = dice.randrange(len(text))
    return text[:begin] + text[begin + dice.randrange(1, 2000) :]


def piece_doubled(text: str, dice: random.Random) -> str:
    begin = dice.randrange(len(text))
    end = begin + dice.randrange(1, 2000)
    return text[:end] + text[begin:end] + text[end:]


def line_lost(text: str, dice: random.Random) -> str:
    return with_line(text, dice, lambda line: "")


def line_doubled(text: str, dice: random.Random) -> str:
    return with_line(text, dice, lambda line: line * 2)


def table_line_doubled(text: str, dice: random.Random) -> str:
    return with_table(text, dice, lambda rows: rows.insert(1, list(dice.choice(rows[1:]))))


def table_line_lost(text: str, dice: random.Random) -> str:
    return with_table(text, dice, lambda rows: rows.pop(dice.randrange(len(rows))))


def lines_swapped(text: str, dice: random.Random) -> str:
    lines = text.splitlines(keepends=True)
    a, b = dice.sample(range(len(lines)), 2)
    lines[a], lines[b] = lines[b], lines[a]
    return "".join(lines)


def table_lost(text: str, dice: random.Random) -> str:
    found = dice.choice(list(_TABLE.finditer(text)))
    return text[: found.start()] + text[found.end() :]


def columns_swapped(text: str, dice: random.Random) -> str:
    """In all lines but the header."""

    def change(rows: list[list[str]]) -> None:
        a, b = dice.sample(range(len(rows[0])), 2)
        for row in rows[1:]:
            swap(row, a, b)

    return with_table(text, dice, change)


def header_swapped(text: str, dice: random.Random) -> str:
    return with_table(text, dice, lambda rows: swap(rows[0], *dice.sample(range(len(rows[0])), 2)))


def fields_swapped(text: str, dice: random.Random) -> str:
    """In one line."""
    return with_table(
        text, dice, lambda rows: swap(dice.choice(rows), *dice.sample(range(len(rows[0])), 2))
    )


def header_renamed(text: str, dice: random.Random) -> str:
    def change(rows: list[list[str]]) -> None:
        at = dice.randrange(len(rows[0]))
        new = dice.choice(["speed", rows[0][at].upper(), f" {rows[0][at]}", f'"{rows[0][at]}"', ""])
        rows[0][at] = new

    return with_table(text, dice, change)


def field_changed(text: str, dice: random.Random) -> str:
    """A number in a table to what a spreadsheet, an editor or another program would write."""

    def change(rows: list[list[str]]) -> None:
        row = dice.choice(rows[1:])
        at = number_in(row, dice)
        old = row[at]
        strange = [f" {old}", f"{old} ", f'"{old}"', f"'{old}'", f"+{old}", f"0{old}", f"{old}\t"]
        strange += ["nan", "inf", "-inf", "1_000", "0x10", "1e999", "1e5", "#REF!", "5;5", "5,5"]
        row[at] = dice.choice([*strange, "\u0663", "\uff15", f"{old}\u00a0"])

    return with_table(text, dice, change)


def field_misread(text: str, dice: random.Random) -> str:
    """A digit of a number in a table as a letter."""

    def change(rows: list[list[str]]) -> None:
        row = dice.choice(rows[1:])
        at = number_in(row, dice)
        row[at] = digit_to_letter(row[at], dice)

    return with_table(text, dice, change)


def field_lost(text: str, dice: random.Random) -> str:
    return with_table(text, dice, lambda rows: dice.choice(rows).pop())


def field_more(text: str, dice: random.Random) -> str:
    return with_table(text, dice, lambda rows: dice.choice(rows).append("5"))


def separators(text: str, dice: random.Random) -> str:
    found = dice.choice(list(_TABLE.finditer(text)))
    other = dice.choice([";", "\t", " ", ", ", "|", "\u060c"])
    block = found[2].replace(",", other)
    return text[: found.start(2)] + block + text[found.end(2) :]


def separators_of_a_line(text: str, dice: random.Random) -> str:
    other = dice.choice([";", "\t", ", ", ",,"])
    return with_line(text, dice, lambda line: line.replace(",", other))


def decimal_commas(text: str, dice: random.Random) -> str:
    return with_line(text, dice, lambda line: re.sub(r"(?<=[0-9])\.(?=[0-9])", ",", line))


def digit_to_letter(text: str, dice: random.Random) -> str:
    at = dice.choice([found.start() for found in DIGIT.finditer(text)])
    return text[:at] + dice.choice("OlIeEBxo_+.,;: ") + text[at + 1 :]


def control_characters(text: str, dice: random.Random) -> str:
    at = dice.randrange(len(text))
    return text[:at] + dice.choice("\0\r\x0b\x0c\x1a\x1b\x7f\x85\u2028\u200b\ufeff") + text[at:]


def windows_line_ends(text: str, dice: random.Random) -> str:
    if dice.random() < 0.5:
        return text.replace("\n", "\r\n")
    return with_line(text, dice, lambda line: line.replace("\n", "\r\n"))


def old_line_ends(text: str, dice: random.Random) -> str:
    return text.replace("\n", "\r")


def indented(text: str, dice: random.Random) -> str:
    more = dice.choice(["  ", " ", "\t"])
    return with_line(text, dice, lambda line: more + line)


def outdented(text: str, dice: random.Random) -> str:
    return with_line(text, dice, lambda line: line[dice.choice([1, 2, 4]) :])


def spaces_at_ends(text: str, dice: random.Random) -> str:
    return with_line(text, dice, lambda line: line.replace("\n", "  \n"))


def folded(text: str, dice: random.Random) -> str:
    """The block's mark as another one of YAML's."""
    found = dice.choice(list(_TABLE.finditer(text)))
    at = found.start(2) - 2
    return text[:at] + dice.choice([">", "|-", "|+", "", "|1", "|4", "'", "# |"]) + text[at + 1 :]


ALL: tuple[Damage, ...] = (
    *(cut_off, head_lost, piece_lost, piece_doubled, line_lost, line_doubled, lines_swapped),
    *(table_line_doubled, table_line_lost, table_lost),
    *(columns_swapped, header_swapped, fields_swapped, header_renamed),
    *(
        field_changed,
        field_misread,
        field_lost,
        field_more,
        separators,
        separators_of_a_line,
        decimal_commas,
    ),
    *(digit_to_letter, control_characters, windows_line_ends, old_line_ends),
    *(indented, outdented, spaces_at_ends, folded),
)

SEEN_BY_SHAPE: tuple[Damage, ...] = (
    *(cut_off, table_line_doubled, header_renamed, field_changed, field_misread, field_lost),
    *(field_more, separators, old_line_ends, folded, windows_line_ends),
)
"""What the tables themselves do not let pass, in a file without its hash."""
