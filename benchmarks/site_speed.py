"""How fast the built pages are on a phone, and how fast a filter is on a desktop.

    python benchmarks/site_speed.py [--site DIR] [--lighthouse PROGRAM]

Serves the site (site_out if not given; `make bench` builds it) over loopback, gzipped, and opens
a page of each kind in Chromium. A phone is 412 x 823 px with a CPU four times slower, 1.6 Mbit/s
and 150 ms of latency. Printed are

1. first and largest contentful paint, total blocking time and layout shift on the phone, and the
   shift after a filter of the big table: medians of fresh visits;
2. from choosing a filter to the next frame, on a desktop: median and worst of all filters;
3. Lighthouse's four scores on both form factors, if its program is named.

Times are upper bounds where other work shares the machine.
"""

import argparse
import functools
import gzip
import json
import os
import shutil
import statistics
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, sync_playwright

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from bench_pipeline.paths import checkout
from benchmarks.text_table import table

KINDS = (
    *("index", "families/*", "best/*/*", "models/*", "compare", "trends", "trends/*", "trends/*/*"),
    *("runs/*", "rigs/*", "rigs/*/*", "method", "data", "run-files/*"),
)
"""Some are pages of a large site only."""
FILTERED = ("families/*", "index")
"""Which page has the filters: the first of these that there is."""
SCORED = ("index", "models/*", "compare")
SCORES = ("performance", "accessibility", "best-practices", "seo")
WATCH = """
window.seen = {fcp: 0, lcp: 0, cls: 0, tasks: []};
const watch = (type, take) => new PerformanceObserver(list =>
  list.getEntries().forEach(take)).observe({type, buffered: true});
watch("paint", e => { if (e.name === "first-contentful-paint") seen.fcp = e.startTime; });
watch("largest-contentful-paint", e => { seen.lcp = e.startTime; });
watch("longtask", e => { seen.tasks.push([e.startTime, e.startTime + e.duration]); });
watch("layout-shift", e => { seen.cls += e.value; });
"""
FILTER_TO_PAINT = """
([name, value]) => new Promise(done => {
  const select = document.querySelector(`#filters [name=${name}]`);
  select.value = value;
  const started = performance.now();
  select.dispatchEvent(new Event("change", {bubbles: true}));
  requestAnimationFrame(() => {
    const painted = new MessageChannel();
    painted.port1.onmessage = () => done(performance.now() - started);
    painted.port2.postMessage(0);
  });
})
"""


class Gzipped(SimpleHTTPRequestHandler):
    """Files as a web server sends them to a browser."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        path = Path(self.translate_path(self.path))
        if not path.is_file():
            self.send_error(404)
            return
        body = gzip.compress(path.read_bytes(), mtime=0)
        self.send_response(200)
        self.send_header("Content-Type", self.guess_type(str(path)))
        self.send_header("Content-Encoding", "gzip")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        pass


@contextmanager
def served(site: Path) -> Iterator[str]:
    """The site's address while it is served."""
    handler = functools.partial(Gzipped, directory=str(site))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def pages_of(site: Path) -> dict[str, str]:
    """The heaviest page of each kind that there is, below the site."""
    found = {kind: list(site.glob(f"{kind}.html")) for kind in KINDS}
    return {
        kind: str(max(paths, key=lambda path: path.stat().st_size).relative_to(site))
        for kind, paths in found.items()
        if paths
    }


@contextmanager
def on_a_phone(browser: Browser) -> Iterator[Page]:
    context = browser.new_context(
        viewport={"width": 412, "height": 823}, device_scale_factor=2, has_touch=True
    )
    page = context.new_page()
    page.add_init_script(WATCH)
    slow = context.new_cdp_session(page)
    slow.send("Emulation.setCPUThrottlingRate", {"rate": 4})
    slow.send("Network.enable")
    rate_bytes_s = 1.6e6 / 8
    slow.send(
        "Network.emulateNetworkConditions",
        {
            "offline": False,
            "latency": 150,
            "downloadThroughput": rate_bytes_s,
            "uploadThroughput": rate_bytes_s,
        },
    )
    yield page
    context.close()


def filters(page: Page) -> list[tuple[str, str]]:
    """Every value of every filter of the page, by the filter's name."""
    found: list[list[str]] = page.locator("#filters select").evaluate_all(
        """all => all.flatMap(select =>
          Array.from(select.options).slice(1).map(option => [select.name, option.value]))"""
    )
    return [(name, value) for name, value in found]


def blocking_ms(tasks: list[tuple[float, float]], painted_ms: float) -> float:
    """What exceeds 50 ms of each task, given by start and end, as far as it follows that paint."""
    return sum(max(0.0, end - max(start, painted_ms) - 50) for start, end in tasks)


def visits(browser: Browser, address: str, repeats: int, filtered: bool) -> dict[str, float]:
    """Medians over fresh visits on a phone: times in ms, and the layout shift, also after the
    first filter if the page is to be `filtered`."""
    seen: list[dict[str, Any]] = []
    for _ in range(repeats):
        with on_a_phone(browser) as page:
            page.goto(address, wait_until="load")
            page.wait_for_timeout(1500)
            seen.append(page.evaluate("seen"))
            seen[-1]["tbt"] = blocking_ms(seen[-1].pop("tasks"), seen[-1]["fcp"])
            if filtered:
                page.evaluate("seen.cls = 0")
                page.evaluate(FILTER_TO_PAINT, list(filters(page)[0]))
                page.wait_for_timeout(1500)
                seen[-1]["filtered_cls"] = page.evaluate("seen.cls")
    return {name: statistics.median(one[name] for one in seen) for name in seen[0]}


def filter_to_paint_ms(browser: Browser, address: str) -> list[float]:
    context = browser.new_context(viewport={"width": 1350, "height": 900})
    page = context.new_page()
    page.goto(address)
    times = []
    for name, value in filters(page):
        for chosen in (value, ""):
            times.append(page.evaluate(FILTER_TO_PAINT, [name, chosen]))
    context.close()
    return times


def scores(program: str, chromium: str, address: str, form: str) -> list[str]:
    """Lighthouse's, 0 to 100, in the order of `SCORES`."""
    command = [program, address, "--output=json", "--quiet"]
    command += ["--chrome-flags=--headless=new --no-sandbox"]
    command += ["--only-categories=" + ",".join(SCORES)]
    command += ["--preset=desktop"] if form == "desktop" else []
    environment = os.environ | {"CHROME_PATH": chromium}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    categories = json.loads(done.stdout)["categories"]
    return [f"{categories[name]['score'] * 100:.0f}" for name in SCORES]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--site", type=Path, default=checkout().site)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--lighthouse", help="its program, where it is installed")
    asked = parser.parse_args()
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if not chromium or not (asked.site / "index.html").is_file():
        parser.error("needs chromium and a built site: `make bench`, or --site DIR")
    pages = pages_of(asked.site)
    filtered = next(pages[kind] for kind in FILTERED if kind in pages)
    with served(asked.site) as root, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        rows = [["on a phone", "FCP ms", "LCP ms", "TBT ms", "CLS"]]
        for path in pages.values():
            seen = visits(browser, f"{root}/{path}", asked.repeats, path == filtered)
            times = [f"{seen[name]:.0f}" for name in ("fcp", "lcp", "tbt")]
            rows.append([path, *times, f"{seen['cls']:.3f}"])
            if "filtered_cls" in seen:
                rows.append(["  then filtered", "", "", "", f"{seen['filtered_cls']:.3f}"])
        print(table(rows))
        times_ms = filter_to_paint_ms(browser, f"{root}/{filtered}")
        print(
            f"{filtered}, filter to paint on a desktop:"
            f" median {statistics.median(times_ms):.0f} ms, worst {max(times_ms):.0f} ms"
            f" of {len(times_ms)}"
        )
        browser.close()
        if asked.lighthouse:
            rows = [["Lighthouse", *SCORES]]
            for kind in SCORED:
                for form in ("mobile", "desktop"):
                    address = f"{root}/{pages[kind]}"
                    found = scores(asked.lighthouse, chromium, address, form)
                    rows.append([f"{pages[kind]}, {form}", *found])
            print(table(rows))


if __name__ == "__main__":
    main()
