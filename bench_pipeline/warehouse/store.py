"""The DuckDB file: one writer or several readers, a transaction, and no fear of losing it.

DuckDB lets one writing process exclude all others, readers too, and gives the loser an error.
Here the loser waits: writers queue at a file lock (the kernel releases it when its holder
dies), and whoever finds the file open elsewhere asks again until `wait_s` is over.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from filelock import FileLock, Timeout

from bench_pipeline.errors import WarehouseError
from bench_pipeline.progress import Reporter, Silent

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

_POLL_S = 0.05
_REBUILD = "run the materialization of `measurements` again: it rebuilds the file"

_HELD = re.compile(r"Could not set lock|Conflicting lock|different configuration")
_DENIED = re.compile(r"Cannot open file|Could not write|No space left")
_CORRUPT = re.compile(r"[Cc]orrupt|checksum|not a valid DuckDB|Could not read enough bytes")


class WarehouseBroken(WarehouseError):
    """The file was not a readable warehouse; it has been moved aside and can be rebuilt."""


class Warehouse:
    def __init__(self, path: Path, wait_s: float = 120) -> None:
        """`wait_s`: how long to wait for other processes before a WarehouseError."""
        self.path, self.wait_s = path, wait_s

    @contextmanager
    def write(self, reporter: Reporter | None = None) -> Iterator[DuckDBPyConnection]:
        """The only writer, in one transaction: committed at the end, rolled back on an error.

        Makes the file if there is none. A broken one is moved aside, with a line to `reporter`,
        and begun anew. WarehouseBroken if the damage shows only later: write again then.
        """
        import duckdb

        with self._locked():
            connection = self._open_or_begin_anew(reporter or Silent())
            try:
                connection.execute("begin")
                yield connection
                connection.execute("commit")
            except duckdb.Error as error:
                _roll_back(connection)
                if isinstance(error, duckdb.FatalException) or _CORRUPT.search(str(error)):
                    connection.close()
                    aside = self._move_aside()
                    raise WarehouseBroken(
                        f"broken ({_first_line(error)}); moved to {aside.name}",
                        mend=_REBUILD,
                        where=self.path,
                    ) from error
                denied = _DENIED.search(str(error)) is not None  # a commit's own kind says nothing
                if denied or isinstance(error, (duckdb.IOException, duckdb.OutOfMemoryException)):
                    raise self._cannot("written", error) from None
                raise
            except BaseException:
                _roll_back(connection)
                raise
            finally:
                connection.close()

    @contextmanager
    def read(self) -> Iterator[DuckDBPyConnection]:
        """A read-only connection. WarehouseError if there is no warehouse or a broken one."""
        import duckdb

        if not self.path.exists():
            raise WarehouseError("no warehouse yet", mend=_REBUILD, where=self.path)
        try:
            connection = self._open(read_only=True)
        except duckdb.Error as error:
            raise self._cannot("read", error, mend=_REBUILD) from None
        try:
            yield connection
        except duckdb.Error as error:
            broken = (duckdb.FatalException, duckdb.InternalException, duckdb.IOException)
            if not (isinstance(error, broken) or _CORRUPT.search(str(error))):
                raise
            raise self._cannot("read", error, mend=f"delete the file, then {_REBUILD}") from None
        finally:
            connection.close()

    @contextmanager
    def _locked(self) -> Iterator[None]:
        lock = FileLock(self.path.with_name(f"{self.path.name}.lock"))
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            lock.acquire(timeout=self.wait_s, poll_interval=_POLL_S)
        except Timeout:
            raise self._held() from None
        except OSError as error:
            raise self._cannot("written", error) from None
        try:
            yield
        finally:
            lock.release()

    def _open(self, *, read_only: bool) -> DuckDBPyConnection:
        """Asks again while another process, or another thread's other mode, has it open."""
        import duckdb

        config: dict[str, str | bool | int | float | list[str]] = {
            "autoinstall_known_extensions": False,  # never reach for the network
        }
        deadline = time.monotonic() + self.wait_s
        while True:
            try:
                return duckdb.connect(self.path, read_only=read_only, config=config)
            except (duckdb.IOException, duckdb.ConnectionException) as error:
                if not _HELD.search(str(error)):
                    raise
                if time.monotonic() > deadline:
                    raise self._held() from None
                time.sleep(_POLL_S)

    def _open_or_begin_anew(self, reporter: Reporter) -> DuckDBPyConnection:
        import duckdb

        try:
            return self._open(read_only=False)
        except duckdb.Error as error:
            if _DENIED.search(str(error)):
                raise self._cannot("opened", error) from None
            aside = self._move_aside()
            reporter.say(
                f"The warehouse {self.path.name} was not readable ({_first_line(error)});"
                f" it lies now at {aside.name} and is rebuilt from the run files."
            )
            return self._open(read_only=False)

    def _move_aside(self) -> Path:
        """Keeps the last broken file only. Its log of changes goes too: it fits no other file."""
        aside = self.path.with_name(f"{self.path.stem}.broken{self.path.suffix}")
        if self.path.exists():
            self.path.replace(aside)
        self.path.with_name(f"{self.path.name}.wal").unlink(missing_ok=True)
        return aside

    def _held(self) -> WarehouseError:
        return WarehouseError(
            f"in use by another process for {self.wait_s:.0f} s",
            mend="wait for the other refresh, or close the program that has the file open",
            where=self.path,
        )

    def _cannot(
        self, done: str, error: Exception, mend: str = "free space there or correct permissions"
    ) -> WarehouseError:
        return WarehouseError(f"cannot be {done}: {_first_line(error)}", mend=mend, where=self.path)


def _roll_back(connection: DuckDBPyConnection) -> None:
    """A connection whose database died cannot roll back; closing it does the same."""
    import duckdb

    with suppress(duckdb.Error):
        connection.execute("rollback")


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
