"""A model's files as they lie beside each other."""

from pathlib import Path

from bench_pipeline.records.model import shard_names


def size_on_disk(model: Path) -> int:
    """Bytes of the model whose (first) file this is, all its shards counted; 0 if none is there."""
    shards = [model.with_name(name) for name in shard_names(model.name)]
    return sum(shard.stat().st_size for shard in shards if shard.exists())
