"""One wave of our own client, in a process of its own, so that its CPU time can be told.

    python benchmarks/our_client.py http://127.0.0.1:PORT --streams 64 --tokens 1000

Prints JSON: the CPU seconds of the wave alone (what imports cost is in the process's total),
and each request as our run files hold it. `client_cost.py` and `fidelity.py` start it.
"""

import argparse
import asyncio
import json
import resource
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from bench_pipeline.harness.client.waves import as_requests, run_wave

SYSTEM = "{number:08}"


def cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("url")
    parser.add_argument("--streams", type=int, required=True)
    parser.add_argument("--tokens", type=int, required=True)
    parser.add_argument("--waves", type=int, default=1)
    parser.add_argument("--user", default="Tell me a long story.")
    parser.add_argument("--plain-asyncio", action="store_true", help="without uvloop")
    options = parser.parse_args()
    loop_factory = None
    if not options.plain_asyncio:
        import uvloop

        loop_factory = uvloop.new_event_loop
    before_s = cpu_s()
    labels, requests, sent_at = [], [], []
    with asyncio.Runner(loop_factory=loop_factory) as runner:
        for wave in range(options.waves):
            names = [SYSTEM.format(number=wave * 1000 + n) for n in range(options.streams)]
            prompts = [
                [{"role": "system", "content": name}, {"role": "user", "content": options.user}]
                for name in names
            ]
            streams = runner.run(run_wave(options.url, prompts, options.tokens))
            requests += as_requests(streams, wave, streams[0].sent_at)
            labels += names
            sent_at += [stream.sent_at for stream in streams]
    used_s = cpu_s() - before_s
    found = [
        {**request.model_dump(), "label": label, "sent_at_s": sent}
        for request, label, sent in zip(requests, labels, sent_at, strict=True)
    ]
    print(json.dumps({"wave_cpu_s": used_s, "requests": found}))


if __name__ == "__main__":
    main()
