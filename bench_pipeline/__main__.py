"""`python -m bench_pipeline`"""

import sys

from bench_pipeline.cli.commands import main
from bench_pipeline.processes import end_without_collecting

if __name__ == "__main__":
    end_without_collecting()
    sys.exit(main())
