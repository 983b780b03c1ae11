"""A model's weights unpacked, for engines that read no GGUF, by the script that docs/engines.md
names."""

import subprocess
from pathlib import Path

from bench_pipeline.models.describing import describe
from bench_pipeline.paths import checkout
from bench_pipeline.progress import Silent
from bench_pipeline.records.model import ModelFile


def unpacked(model: ModelFile, gguf: Path, python: Path, folder: Path) -> ModelFile:
    """Of `gguf`, by a Python that has gguf, torch and safetensors, into `folder`."""
    script = checkout().root / "docs" / "gguf_as_safetensors.py"
    subprocess.run([str(python), str(script), str(gguf), str(folder)], check=True)
    found = describe(f"file:{folder}", Silent())
    about = {"slug": folder.name, "quant": "BF16", "file_name": found.file_name}
    sums = {"sha256": found.sha256, "parts": found.parts}
    size = {"size_bytes": sum(part.size_bytes or 0 for part in found.parts)}
    return model.model_copy(update=about | sums | size)
