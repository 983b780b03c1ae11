"""`python -m bench_pipeline.inventory`: this machine's inventory as YAML."""

from bench_pipeline.inventory.capture import capture_inventory
from bench_pipeline.records.yaml.files import dump_record

if __name__ == "__main__":
    print(dump_record(capture_inventory()), end="")
