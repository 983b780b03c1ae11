"""The errors a user sees.

BenchError                 a problem, the thing it concerns, and the mend
├── RecordError            a hand-written or submitted YAML file that cannot be read
├── EngineError            no engine for this machine, or one that does not start or dies
│   └── (kind)             `load`, `oom`, `crash`, `hang`, `refused`: the run's failure kind
├── ModelError             a model file that cannot be had or has the wrong content
├── NetworkError           a proxy or certificates of the environment that cannot be used
├── RigError               this machine is not the rig it is asked to be
├── WarehouseError         the warehouse file is held by another process, missing or broken
└── SiteError              the warehouse holds something the site refuses to publish
"""

import sys
import unicodedata
from collections.abc import Callable
from pathlib import Path


def shown(text: str) -> str:
    """What a file, its name or an engine says, so that it moves no terminal's cursor: control
    characters but line ends and tabs, turns of direction and halves of characters escaped."""
    if text.isascii() and text.isprintable():
        return text
    hidden = ("Cc", "Cf", "Cs")
    return "".join(
        c.encode("unicode_escape", "surrogatepass").decode()
        if c not in "\n\t" and unicodedata.category(c) in hidden
        else c
        for c in text
    )


class BenchError(Exception):
    """One problem, in one line, with its mend.

    `problem` says what is wrong, `mend` what to do about it; `where` names the file
    (and line) or the thing concerned. Exit code of the command line: 1.
    """

    def __init__(self, problem: str, *, mend: str, where: str | Path | None = None) -> None:
        self.problem, self.mend, self.where = problem, mend, where
        place = f"{where}: " if where is not None else ""
        super().__init__(shown(f"{place}{problem}\n  mend: {mend}"))

    def __reduce__(self) -> tuple[object, ...]:
        """To come whole out of a process that was started for a part of the work."""
        return BenchError.__new__, (type(self), *self.args), self.__dict__


class RecordError(BenchError):
    pass


class EngineError(BenchError):
    """`kind` is the run's failure kind; `log_tail` the engine's last lines, if it ran."""

    def __init__(
        self,
        problem: str,
        *,
        mend: str,
        where: str | Path | None = None,
        kind: str = "load",
        log_tail: tuple[str, ...] = (),
    ) -> None:
        super().__init__(problem, mend=mend, where=where)
        self.kind, self.log_tail = kind, log_tail


class ModelError(BenchError):
    pass


class NetworkError(BenchError):
    pass


class RigError(BenchError):
    pass


class WarehouseError(BenchError):
    pass


class SiteError(BenchError):
    pass


def exit_code(work: Callable[[], int]) -> int:
    """That of a command which makes runs by `work`: 1 with its error told, 130 interrupted."""
    try:
        return work()
    except BenchError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print(
            "interrupted: the server is stopped; finished runs are kept, run it again to go on",
            file=sys.stderr,
        )
        return 130
