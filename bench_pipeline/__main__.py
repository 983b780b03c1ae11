"""`python -m bench_pipeline`"""

import sys

from bench_pipeline.cli.bench import main

if __name__ == "__main__":
    sys.exit(main())
