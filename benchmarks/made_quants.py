"""Makes six quants of SmolLM2 135M from the Q4_1 that `make bench` fetches, to measure their speed.

    python benchmarks/made_quants.py [FOLDER] [--jobs N]

They lie in FOLDER (`~/smollm2-made-quants`) then, where `content/models/smollm2-135m-instruct.yaml`
looks for them, and `make bench MODEL='smollm2-135m-instruct@*'` measures all. Weights that were
Q4_1 once get no better by taking more room: for speed and memory these files are as good as any
of their size, for answers they are not, and nobody should use them.

Needs cmake, a C++17 compiler, ninja or make, and about six minutes of one core for
`llama-quantize`, which is built from the package index's source as in `engine_from_source.py`.
Prints for each file the size and sum that belong into the catalogue: another compiler or CPU may
round a scale otherwise and come to another sum.
"""

import argparse
import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from engine_from_source import build, engine_folder, run

from bench_pipeline.errors import BenchError
from bench_pipeline.fetching.wheels import sha256_of
from bench_pipeline.models.catalogue import known_model
from bench_pipeline.models.fetch import fetch_model
from bench_pipeline.paths import artefact_cache, checkout
from bench_pipeline.progress import Terminal

SOURCE = "smollm2-135m-instruct-q4_1"
QUANTS = ("Q2_K", "Q3_K_M", "Q4_K_M", "Q5_K_M", "Q6_K", "Q8_0")


def main() -> int:
    parser = argparse.ArgumentParser(description="six quants of SmolLM2 135M, of our making")
    parser.add_argument("folder", nargs="?", default="~/smollm2-made-quants")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    arguments = parser.parse_args()
    folder, terminal = Path(arguments.folder).expanduser(), Terminal()
    program = engine_folder().with_name(f"{engine_folder().name}-quantize") / "llama-quantize"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        source = fetch_model(known_model(checkout(), SOURCE), artefact_cache(), terminal)
        if not program.exists():
            build(program.parent, ["llama-quantize"], arguments.jobs, terminal)
        for quant in QUANTS:
            made = folder / f"SmolLM2-135M-Instruct-{quant}.gguf"
            if not made.exists():
                partial = made.with_suffix(".partial")
                command = [str(program), "--allow-requantize", str(source), str(partial), quant]
                run(command, folder / "quantize.log", "look at what it says")
                partial.rename(made)
            print(f"{quant:8} {made.stat().st_size:>12} bytes  sha256 {sha256_of(made)}")
    except (BenchError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
