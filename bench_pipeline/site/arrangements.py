"""How a rig set an engine up beyond its defaults, in words: what stands beside a backend's name."""

import json
from typing import Any

from bench_pipeline.site import wording
from bench_pipeline.site.devices import device_of, on_cpu
from bench_pipeline.site.hardware import MANY
from bench_pipeline.site.source import Row

ALL = 999
"""Layers, as the engine is asked for all of them."""

_SPLITS = {"layer": "layer split", "row": "row split", "tensor": "tensor split"}


def arrangement_of(run: Row) -> dict[str, Any]:
    """What was asked in `run`, a row of table `runs`, as its record has it."""
    return dict(json.loads(run["arrangement_json"] or "{}"))


def setup_words(run: Row) -> str:
    """`2 × RTX 3090, layer split`, `experts on the CPU, KV cache q8_0`; empty where nothing but the
    usual was asked."""
    asked = arrangement_of(run)
    split = _SPLITS.get(asked.get("split_mode") or ("layer" if "-" in run["backend"] else ""), "")
    several = bool(MANY.search(run["gpu"] or "")) and asked.get("split_mode") != "none"
    parts = [f"{device_of(run)}, {split}"] if several and split else []
    parts += filter(None, [kind_words(run)])
    if flash := asked.get("flash_attention"):
        parts.append(f"flash attention {flash}")
    if tokens := asked.get("ubatch_tokens"):
        parts.append(f"batches of {wording.counted(tokens, 'token')}")
    return ", ".join(parts)


def kind_words(run: Row) -> str:
    """Of the setup what makes it another kind, which is ranked by itself: weights that lie off the
    device because they were told to, and a KV cache that is rounded."""
    asked = arrangement_of(run)
    parts = []
    if not on_cpu(run) and asked.get("gpu_layers", ALL) <= (run["layers"] or 0):
        parts.append(f"{wording.counted(asked['gpu_layers'], 'layer')} on the GPU")
    experts = asked.get("experts_on_cpu")
    if experts == "all":
        parts.append("experts on the CPU")
    elif experts:
        parts.append(f"experts of {wording.counted(experts, 'layer')} on the CPU")
    if tensors := asked.get("tensors_on_cpu"):
        parts.append(f"tensors {wording.listed(tensors)} on the CPU")
    keys, values = asked.get("cache_type_k"), asked.get("cache_type_v")
    if keys == values and keys:
        parts.append(f"KV cache {keys}")
    else:
        parts += [f"keys {keys}"] if keys else []
        parts += [f"values {values}"] if values else []
    return ", ".join(parts)
