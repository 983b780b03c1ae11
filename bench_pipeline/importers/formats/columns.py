"""What columns of llama-bench's table mean, and values of its CSV and SQL, as its JSON has them."""

import re
from typing import Any

KEYS = {
    "model": "model_type",
    "size": "model_size",
    "params": "model_n_params",
    "backend": "backends",
    "ngl": "n_gpu_layers",
    "threads": "n_threads",
    "fa": "flash_attn",
    "sm": "split_mode",
    "mg": "main_gpu",
    "nkvo": "no_kv_offload",
    "mmap": "use_mmap",
    "dio": "use_direct_io",
    "embd": "embeddings",
    "nopo": "no_op_offload",
    "noh": "no_host",
    "dev": "devices",
    "ts": "tensor_split",
    "ot": "tensor_buft_overrides",
    "ncmoe": "n_cpu_moe",
    "lm": "load_mode",
    "fitt": "fit_target",
    "fitc": "fit_min_ctx",
    # ik_llama.cpp's
    "fmoe": "fused_moe",
    "rtr": "repack",
    "mla": "mla_attn",
    "amb": "attn_max_batch",
    "gr": "reuse",
    "ger": "grouped_er",
    "defer": "defer_experts",
    "thp": "use_thp",
    "no-fug": "no_fused_up_gate",
    "no-ooae": "no_ooae",
    "cuda": "cuda_params",
}
"""The table's short names; any other column has the key's own name."""

_SHAPE = re.compile(
    r"(?:pp ?(?P<pp>\d+))?(?:\s*\+\s*)?(?:tg ?(?P<tg>\d+))?(?:\s*@ ?d ?(?P<depth>\d+))?"
)
_AFTER_A_PROMPT = re.compile(r"(tg\d+)@pp(\d+)")
_SIZES = {"KiB": 2**10, "MiB": 2**20, "GiB": 2**30, "TiB": 2**40}
_COUNTS = {"K": 10**3, "M": 10**6, "B": 10**9, "T": 10**12}
_MOST = 10**6
"""Of any unit: no model has as many."""
_AMOUNT = re.compile(r"(?P<number>[\d.,]+) ?(?P<unit>[KMGT]iB|[KMBT])")
_NUMBER = r"\d+(?:[ \u00a0\u2009\u202f'’]\d{3})*(?:[.,]\d+)*"
_SPEED = re.compile(
    rf"(?P<mean>{_NUMBER})(?:\s*[^\d.,\s][^\d]*(?P<sd>{_NUMBER})|\s+(?P<bare_sd>\d+\.\d+))?"
)
"""`2048.00 ± 8.00`, also where the sign was mangled, or lost, on its way."""
_THOUSANDS = re.compile(r"[1-9]\d{0,2}(?:,\d{3})+(?:\.\d+)?")
_COMMA = re.compile(r"(?:\d+|[1-9]\d{0,2}(?:\.\d{3})+),\d+")


def shape(words: str) -> dict[str, int] | None:
    """`pp512`, `tg128`, `pp512+tg128`, `tg128 @ d4096`, ik_llama.cpp's `tg128@pp4096` as the three
    keys; None: no shape."""
    words = _AFTER_A_PROMPT.sub(r"\1@d\2", words)
    match = _SHAPE.fullmatch(words.strip())
    if not match or not (match["pp"] or match["tg"]):
        return None
    return {
        "n_prompt": int(match["pp"] or 0),
        "n_gen": int(match["tg"] or 0),
        "n_depth": int(match["depth"] or 0),
    }


def number(words: str) -> float | None:
    """`1,234.56`, `1.234,56`, `1 234.56`, `524,39` as people and spreadsheets write it; None: no
    number. Three digits after a comma alone are thousands: llama-bench writes two decimals."""
    digits = re.sub(r"[ \u00a0\u2009\u202f'’]", "", words.strip())
    if _THOUSANDS.fullmatch(digits):
        digits = digits.replace(",", "")
    elif _COMMA.fullmatch(digits):
        digits = digits.replace(".", "").replace(",", ".")
    return float(digits) if re.fullmatch(r"\d+(?:\.\d+)?", digits) else None


def speed(words: str) -> tuple[float, float | None] | None:
    """Mean and deviation of a cell of the table; None: no speed."""
    match = _SPEED.fullmatch(words.strip())
    mean = number(match["mean"]) if match else None
    if match is None or mean is None:
        return None
    said = match["sd"] or match["bare_sd"]
    deviation = number(said) if said else None
    return None if said and deviation is None else (mean, deviation)


def amount(words: str) -> int:
    """`4.56 GiB` in bytes, `8.03 B` as a count; 0 for anything else."""
    match = _AMOUNT.fullmatch(words.strip())
    if not match:
        return 0
    read = number(match["number"])
    unit = (_SIZES | _COUNTS)[match["unit"]]
    return round(read * unit) if read is not None and read < _MOST else 0


def typed(key: str, value: str) -> Any:
    """A field of CSV or SQL, where everything is text, as JSON has it."""
    if key in {"samples_ns", "samples_ts"}:
        return [float(part) for part in re.findall(r"\d+(?:\.\d+)?(?:e[+-]?\d+)?", value)]
    if key in {"avg_ts", "stddev_ts"}:
        try:
            return float(value)
        except ValueError:
            read = number(value)
            return value if read is None else read
    return value
