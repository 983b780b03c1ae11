"""python docs/gguf_as_safetensors.py MODEL.gguf FOLDER

Writes a GGUF file of a llama-like model as the folder that transformers and vLLM read: weights
unpacked to bf16, configuration, tokenizer and chat template. By the engine's own Python, with the
packages gguf, torch, safetensors and transformers; none of them is one of ours.
"""

import json
import re
import sys
from pathlib import Path
from typing import Any

NAMES = {
    "token_embd": "model.embed_tokens",
    "output_norm": "model.norm",
    "output": "lm_head",
    "attn_norm": "input_layernorm",
    "ffn_norm": "post_attention_layernorm",
    "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj",
    "ffn_gate": "mlp.gate_proj",
    "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
}
CONFIG = {
    "hidden_size": "embedding_length",
    "intermediate_size": "feed_forward_length",
    "num_hidden_layers": "block_count",
    "num_attention_heads": "attention.head_count",
    "num_key_value_heads": "attention.head_count_kv",
    "rms_norm_eps": "attention.layer_norm_rms_epsilon",
    "rope_theta": "rope.freq_base",
    "max_position_embeddings": "context_length",
}


def name_of(tensor: str) -> str:
    """`blk.3.attn_q.weight` as `model.layers.3.self_attn.q_proj.weight`."""
    match = re.fullmatch(r"(?:blk\.(\d+)\.)?(\w+)\.(\w+)", tensor)
    assert match, tensor
    layer = f"model.layers.{match[1]}." if match[1] else ""
    return f"{layer}{NAMES[match[2]]}.{match[3]}"


def write_weights(model: Path, folder: Path) -> dict[str, Any]:
    """The configuration that goes with them."""
    import gguf
    import torch
    from safetensors.torch import save_file

    reader = gguf.GGUFReader(model)

    def value(key: str) -> Any:
        field = reader.get_field(key)
        return None if field is None else field.contents()

    kind = value("general.architecture")
    if kind != "llama":
        raise SystemExit(f"{model.name} is {kind}: only llama is known here")
    config = {name: value(f"llama.{key}") for name, key in CONFIG.items()}
    heads = {"attn_q": config["num_attention_heads"], "attn_k": config["num_key_value_heads"]}
    weights = {}
    for tensor in reader.tensors:
        found = gguf.quants.dequantize(tensor.data, tensor.tensor_type)
        for part, count in heads.items():
            if f".{part}." in tensor.name:  # llama.cpp keeps each head's halves interleaved
                rows, columns = found.shape
                halves = found.reshape(count, rows // count // 2, 2, columns)
                found = halves.swapaxes(1, 2).reshape(rows, columns)
        weights[name_of(tensor.name)] = torch.tensor(found).to(torch.bfloat16).contiguous()
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    tokens = value("tokenizer.ggml.tokens")
    return config | {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "vocab_size": len(tokens),
        "bos_token_id": value("tokenizer.ggml.bos_token_id"),
        "eos_token_id": value("tokenizer.ggml.eos_token_id"),
        "tie_word_embeddings": "lm_head.weight" not in weights,
        "torch_dtype": "bfloat16",
    }


def main() -> None:
    from transformers import AutoTokenizer

    model, folder = Path(sys.argv[1]), Path(sys.argv[2])
    folder.mkdir(parents=True)
    config = write_weights(model, folder)
    (folder / "config.json").write_text(json.dumps(config, indent=1))
    tokenizer = AutoTokenizer.from_pretrained(str(model.parent), gguf_file=model.name)
    tokenizer.save_pretrained(str(folder))
    print(*sorted(path.name for path in folder.iterdir()), sep="\n")


if __name__ == "__main__":
    main()
