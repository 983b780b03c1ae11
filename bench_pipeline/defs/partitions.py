"""The partitions: rigs, and rig/backend, from the files in `content/rigs/`.

Adding a rig is adding its file and reloading the code location: reviewable, and the same
from a fresh clone. One static dimension `rig/backend` holds exactly the combinations that
exist; two dimensions would offer those that do not.

A rig file that cannot be read takes only its own rig out: it is named on stderr whenever the
definitions load, and by the check `declarations_valid`.
"""

import sys
from pathlib import Path

import dagster as dg

from bench_pipeline.errors import RecordError
from bench_pipeline.paths import checkout
from bench_pipeline.records.rig import Rig
from bench_pipeline.records.yaml.files import read_what_can_be


def declared_rigs(folder: Path) -> tuple[dict[str, Rig], list[RecordError]]:
    """The rigs whose files can be read, by slug, and what is wrong with the others."""
    return read_what_can_be(Rig, folder)


RIGS, BROKEN_RIG_FILES = declared_rigs(checkout().rigs)
for _error in BROKEN_RIG_FILES:
    print(f"bench_pipeline: a rig is left out. {_error}", file=sys.stderr)

rig_partitions = dg.StaticPartitionsDefinition(list(RIGS))
rig_backend_partitions = dg.StaticPartitionsDefinition(
    [key for rig in RIGS.values() for key in rig.partition_keys]
)
rig_to_its_backends = dg.StaticPartitionMapping(
    {slug: rig.partition_keys for slug, rig in RIGS.items()}
)
