"""How long planning takes for 200 models on 6 rigs with 4 places each, with the committed runs.

    python benchmarks/planning_scale.py

Declares them in a folder of its own beside this checkout's run files, and runs `plan` there. Prints
seconds of CPU, of the planning alone and with the start of Python.
"""

import argparse
import contextlib
import io
import shutil
import tempfile
import time
from pathlib import Path

from bench_pipeline.cli import planning
from bench_pipeline.paths import Project, checkout

MODELS, RIGS, PLACES = 200, 6, ("cuda", "cuda-2x", "vulkan", "cpu")
SETUPS = "".join(f"  {place}:\n    threads: {n + 1}\n" for n, place in enumerate(PLACES))


def declare(root: Path) -> None:
    here = checkout()
    shutil.copytree(here.root / "content", root / "content")
    entry = next((here.root / "content/models").glob("qwen3-8b*.yaml")).read_text()
    for number in range(MODELS):
        text = entry.replace("sha256: ", f"sha256: {number:08x}", 1)
        lines = [line if "sha256" not in line else line[:-8] for line in text.splitlines()]
        (root / f"content/models/model-{number:03}.yaml").write_text("\n".join(lines) + "\n")
    for number in range(RIGS):
        text = f"title: Rig {number}\nbackends:\n{SETUPS}"
        (root / f"content/rigs/rig-{number}.yaml").write_text(text)
    wanted = "places: [rig-*/*]\nmodels: [model-*]\nbuilds: [b11434]\nbudget_hours: 100\n"
    text = f"title: All\nwhy: All of it.\n{wanted}"
    (root / "content/campaigns/all.yaml").write_text(text)


def main() -> None:
    parser = argparse.ArgumentParser()
    planning.add_to(parser.add_subparsers())
    with tempfile.TemporaryDirectory() as folder:
        declare(Path(folder))
        began_s, told = time.process_time(), io.StringIO()
        with contextlib.redirect_stdout(told):
            planning.run(Project(Path(folder)), parser.parse_args(["plan", "all"]))
        took_s = time.process_time() - began_s
    print(told.getvalue().splitlines()[-1])
    print(f"{took_s:.2f} s of CPU, {time.process_time():.2f} with its start")


if __name__ == "__main__":
    main()
