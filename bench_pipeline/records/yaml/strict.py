"""YAML as these records use it: a mapping, no aliases, no duplicate keys, nothing that swells.

Reading is YAML 1.1, as PyYAML has it: a bare `on` is a boolean and `0777` a number in octal.
Writing quotes whatever would be read back as something else.
"""

import re
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml
from yaml.composer import ComposerError
from yaml.constructor import ConstructorError

from bench_pipeline.errors import RecordError

MAX_BYTES = 16 * 2**20
"""A run file of three thousand requests has half a MiB; more is an accident or an attack."""

MAX_NUMBER_LENGTH = 64
"""No count or time has more digits; `1:1:1:…`, base 60, grows into hours of arithmetic."""

MAX_DEPTH = 20
"""Records have six levels; libyaml's binding dies of a few thousand, taking Python along."""

_NUMBERS = frozenset({"tag:yaml.org,2002:int", "tag:yaml.org,2002:float"})
_BOOL, _STR = "tag:yaml.org,2002:bool", "tag:yaml.org,2002:str"
_SCALARS = (
    _NUMBERS | {_BOOL} | {f"tag:yaml.org,2002:{kind}" for kind in ("str", "null", "timestamp")}
)
_KINDS = {
    **dict.fromkeys(_SCALARS, yaml.ScalarNode),
    "tag:yaml.org,2002:map": yaml.MappingNode,
    "tag:yaml.org,2002:seq": yaml.SequenceNode,
}
"""What a plain document resolves to. `!!set`, `!!binary`, `!!omap` and the like make what no record
has, and their constructors raise whatever their author did not think of."""


class _Loader(yaml.CSafeLoader):
    """CSafeLoader, ten times faster than the pure one, refusing what a record can't need."""

    _depth = 0

    def descend_resolver(self, parent: yaml.Node | None, index: Any) -> None:
        # Called by the C code for each node before it goes down into it.
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise ComposerError(None, None, f"nested deeper than {MAX_DEPTH} levels", None)

    def ascend_resolver(self) -> None:
        self._depth -= 1

    def resolve(self, kind: type[yaml.Node], value: Any, implicit: Any) -> str:
        # Called by the C code for each node; most plain words come again and again.
        if kind is yaml.ScalarNode and implicit[0] and len(value) <= MAX_NUMBER_LENGTH:
            return _tag_of_plain(value)
        return super().resolve(kind, value, implicit)

    def construct_document(self, node: yaml.Node) -> Any:
        self._known: set[yaml.Node] = set()
        return self._value(node)

    def _mapping(self, node: yaml.MappingNode) -> dict:
        seen: set[str] = set()
        for key, _ in node.value:
            if key.tag == "tag:yaml.org,2002:merge":
                raise _fault("`<<` (a merge) is not read here: write the keys out", key)
            if not isinstance(key, yaml.ScalarNode):
                raise _fault("a key must be a word", key)
            if key.value in seen:
                raise _fault(f"the key `{printable(key.value)}` stands twice", key)
            seen.add(key.value)
        return {self._value(key): self._value(value) for key, value in node.value}

    def _value(self, node: yaml.Node) -> Any:
        # Each node is looked at once, unless an alias leads to it again. Aliases make a small
        # file expand to any size, and no reviewer wants to follow them.
        if node in self._known:
            raise _fault(
                "an alias (`*name`) leads here: write the value out where it is used", node
            )
        self._known.add(node)
        if not isinstance(node, _KINDS.get(node.tag, ())):
            raise _fault(f"the tag `{printable(node.tag)}` is not read here: remove it", node)
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node)
        if isinstance(node, yaml.SequenceNode):
            return list(map(self._value, node.value))
        if node.tag == _STR:
            return node.value
        if node.tag == _BOOL and node.value.lower() not in self.bool_values:
            raise _fault(f"`{printable(node.value)}` is neither true nor false", node)
        if node.tag in _NUMBERS and len(node.value) > MAX_NUMBER_LENGTH:
            raise _fault(f"a number of {len(node.value)} characters", node)
        try:
            return self.yaml_constructors[node.tag](self, node)
        except (
            ValueError,
            OverflowError,
            AttributeError,
        ) as error:  # 2026-13-45, 0x, !!timestamp x
            raise _fault(f"`{printable(str(node.value))}`: {error}", node) from None


@lru_cache(4096)
def _tag_of_plain(text: str) -> str:
    return _RESOLVER.resolve(yaml.ScalarNode, text, (True, False))


_RESOLVER = yaml.resolver.Resolver()


def _fault(problem: str, node: yaml.Node) -> ConstructorError:
    return ConstructorError(None, None, problem, node.start_mark)


class Block(str):
    """Lines of printable text, to be written one below the other after a `|`."""


class _Dumper(yaml.CSafeDumper):
    def ignore_aliases(self, data: object) -> bool:
        return True  # readers review these files: no anchors


def _represent_str(dumper: _Dumper, text: str) -> yaml.Node:
    return dumper.represent_scalar("tag:yaml.org,2002:str", whole_characters(text))


def _represent_block(dumper: _Dumper, text: Block) -> yaml.Node:
    return dumper.represent_scalar("tag:yaml.org,2002:str", str(text), style="|")


_Dumper.add_representer(str, _represent_str)
_Dumper.add_representer(Block, _represent_block)


def whole_characters(text: str) -> str:
    """Half of a character pair, from an engine's log cut within one, has no UTF-8."""
    return re.sub("[\ud800-\udfff]", "\N{REPLACEMENT CHARACTER}", text)


def dump_yaml(document: dict, *, explicit_end: bool = False) -> str:
    """Block style, keys in their order; `explicit_end`: a last line `...` says it is whole."""
    return yaml.dump(
        document,
        Dumper=_Dumper,
        sort_keys=False,
        allow_unicode=True,
        width=100,
        explicit_end=explicit_end,
    )


def parse_yaml(text: bytes, where: Path) -> dict:
    """The mapping that `text` holds. RecordError names file and line."""
    if len(text) > MAX_BYTES:
        raise RecordError(
            f"has {len(text) / 2**20:.1f} MiB, a record at most {MAX_BYTES // 2**20}",
            mend="check what wrote it, then remove it",
            where=where,
        )
    try:
        document = yaml.load(text, Loader=_Loader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise _not_yaml(str(error.problem), where, mark.line + 1 if mark else None) from None
    except yaml.reader.ReaderError as error:
        raise _not_yaml(error.reason, where, text.count(b"\n", 0, error.position) + 1) from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise _not_yaml(str(error) or type(error).__name__, where, None) from None
    if not isinstance(document, dict):
        raise RecordError(
            "holds no mapping of keys to values" if document is not None else "is empty",
            mend="write the keys that docs/records.md lists, or remove the file",
            where=where,
        )
    return document


def _not_yaml(problem: str, where: Path, line: int | None) -> RecordError:
    return RecordError(
        f"not valid YAML: {problem.splitlines()[0]}",
        mend="correct that line, or restore the file" if line else "restore the file",
        where=f"{where}:{line}" if line else where,
    )


def line_of(text: bytes, location: tuple[int | str, ...]) -> int | None:
    """Line (from 1) of the deepest part of `location` that the text has; within a block of text
    (`|`), a number counts its lines from its second, the first below a table's header."""
    node = yaml.compose(text, Loader=_Loader)
    line = None
    for step in location:
        if isinstance(node, yaml.MappingNode):
            found = [(k, v) for k, v in node.value if k.value == str(step)]
            if not found:
                break
            key, node = found[0]
            line = key.start_mark.line + 1
        elif isinstance(node, yaml.SequenceNode) and isinstance(step, int):
            node = node.value[step]
            line = node.start_mark.line + 1
        elif isinstance(node, yaml.ScalarNode) and node.style == "|" and isinstance(step, int):
            return node.start_mark.line + 3 + step
        # any other step is a union's tag in pydantic's location, not a place in the file
    return line


def printable(text: str) -> str:
    """At most 60 characters of a stranger's text, none of which moves a terminal's cursor."""
    short = text if len(text) <= 60 else f"{text[:60]}…"
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in short)
