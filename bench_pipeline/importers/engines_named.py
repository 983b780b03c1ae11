"""Which engine made a result: llama.cpp, a fork of it, or another one; and which build."""

import re

from bench_pipeline.importers.rows import Row
from bench_pipeline.importers.words import plain
from bench_pipeline.records.run import Engine

_IK = {
    *("fused_moe", "mla_attn", "attn_max_batch", "ser", "graph_reuse"),
    *("fused_up_gate", "k_cache_hadamard", "merge_qkv", "grouped_expert_routing"),
}
"""Settings that only ik_llama.cpp's llama-bench writes."""
_IK_COUNTS_TO = 5000
"""It numbers its builds by itself, thousands below llama.cpp's of the same day."""
_BACKENDS_SINCE = 3000
"""llama.cpp had no key `backends` at so low a number of its own."""


def engine_of(row: Row, said: str | None) -> tuple[Engine, str]:
    """The engine, and what cannot be told of its build. A fork's number is none of llama.cpp's
    builds, so it is written without the `b` by which those are ordered."""
    commit = row.build_commit if re.fullmatch(r"[0-9a-f]{7,40}", row.build_commit) else None
    extra = set(row.model_extra or {})
    numbered = row.build_number > 1
    ik = bool(extra & _IK) or ("test" in extra and 1 < row.build_number < _IK_COUNTS_TO)
    name = plain(said, 40) if said else "ik_llama.cpp" if ik else "llama.cpp"
    own_count = numbered and row.build_number < _BACKENDS_SINCE
    own_count = own_count and row.backends is not None and row.test_time is not None
    if name != "llama.cpp" or own_count:
        build = str(row.build_number) if numbered else commit or "unknown"
        return Engine(name=name, build=build, commit=commit), (
            f"Which build of llama.cpp it was made from: {row.build_number:,} is its own count."
            if numbered
            else ""
        )
    number = f"b{row.build_number}" if numbered else None
    return Engine(build=number or commit or "unknown", commit=commit), ""
