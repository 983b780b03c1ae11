"""`python -m bench_pipeline sign FILES`: who sends run files, and that they come from that rig."""

import argparse
import sys
from pathlib import Path

from bench_pipeline.errors import BenchError
from bench_pipeline.paths import Project


def add_to(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = commands.add_parser(
        "sign", help="say in run files who sends them, and sign them with a rig's key"
    )
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE")
    parser.add_argument("--as", dest="sender", metavar="NAME", help="your name, as a site shows it")
    parser.add_argument(
        "--key", type=Path, help="a private key: ssh-keygen -t ed25519 -N '' -f rig-key"
    )
    parser.set_defaults(run=run)


def run(project: Project, options: argparse.Namespace) -> int:
    """Exit code: 1 if a file had to be left as it was, or there is no such key."""
    from bench_pipeline.records.yaml.finding import real
    from bench_pipeline.senders.sending import send
    from bench_pipeline.senders.signatures import public_key, read_key

    if not (options.sender or options.key):
        raise BenchError("nothing to write", mend="give --as NAME, --key FILE or both")
    key = read_key(options.key) if options.key else None
    left = 0
    for file in options.files:
        try:
            send(real(file), options.sender, key)
        except BenchError as error:
            left += 1
            print(f"left as it was: {error}", file=sys.stderr)
            continue
        said = [f"sent by {options.sender}"] if options.sender else []
        print(f"{file}: {', '.join(said + (['signed'] if key else []))}")
    if key:
        print(f"Its rig's file names the key: public_key: {public_key(key)}")
    return 1 if left else 0
