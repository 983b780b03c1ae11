"""`python -m bench_pipeline.records` prints docs/records.md; with `--schema`, the JSON Schema
of a run file."""

import argparse
import json

from bench_pipeline.records.reference.json_schema import run_json_schema
from bench_pipeline.records.reference.keys import reference

if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m bench_pipeline.records", description=__doc__)
    parser.add_argument("--schema", action="store_true", help="print the JSON Schema of a run file")
    as_schema = parser.parse_args().schema
    print(json.dumps(run_json_schema(), indent=2) if as_schema else reference(), end="")
