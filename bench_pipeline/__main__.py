"""`python -m bench_pipeline`"""

import sys

from bench_pipeline.cli.commands import main

if __name__ == "__main__":
    sys.exit(main())
