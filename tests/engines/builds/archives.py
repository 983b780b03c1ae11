"""A local stand-in for GitHub's releases API, with the misfortunes of a real connection."""

import hashlib
import json
import re
import tarfile
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from bench_pipeline.engines.llama_cpp.installed import shared_libraries

REPOSITORY = "ggml-org/llama.cpp"


def pack_release(binary: Path, archive: Path) -> None:
    """A tar.gz as upstream packs it: one folder, libraries once, their other names links; nothing
    is made smaller, which takes seconds."""
    first_names: dict[tuple[str, str], str] = {}
    with tarfile.open(archive, "w:gz", compresslevel=0) as packed:
        packed.add(binary, "build/bin/llama-server")
        for library in shared_libraries(binary.parent):
            content = hashlib.sha256(library.read_bytes()).hexdigest()
            original = first_names.setdefault((library.name.split(".so")[0], content), library.name)
            if original == library.name:
                packed.add(library, f"build/bin/{library.name}")
            else:
                link = tarfile.TarInfo(f"build/bin/{library.name}")
                link.type, link.linkname = tarfile.SYMTYPE, original
                packed.addfile(link)


class Upstream:
    """Serves one release with one archive.

    digest       what the API says of the archive; None: an old release without
    state        likewise; `starter`: it is still on its way up
    cut_after    bytes after which each download but the last is cut
    cuts         how many downloads are cut
    api_status   what the API answers
    beside       another archive of the same release
    requests     what was asked: path and Range header
    """

    def __init__(self, archive: Path, build: str) -> None:
        self.archive, self.build = archive, build
        self.digest: str | None = "sha256:" + hashlib.sha256(archive.read_bytes()).hexdigest()
        self.state = "uploaded"
        self.beside: Path | None = None
        self.cut_after, self.cuts, self.api_status = 0, 0, 200
        self.requests: list[tuple[str, str | None]] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))

    def __enter__(self) -> "Upstream":
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def downloads(self) -> list[str | None]:
        """The Range header of each request for the archive."""
        return [span for path, span in self.requests if path.startswith("/download/")]

    def _release(self) -> dict[str, Any]:
        asset = {
            "name": self.archive.name,
            "state": self.state,
            "size": self.archive.stat().st_size,
            "digest": self.digest,
            "browser_download_url": f"{self.url}/download/{self.archive.name}",
        }
        assets = [asset]
        if self.beside:
            url = f"{self.url}/download/{self.beside.name}"
            size = self.beside.stat().st_size
            assets += [{"name": self.beside.name, "size": size, "browser_download_url": url}]
        return {"tag_name": self.build, "assets": assets}

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        upstream = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                upstream.requests.append((self.path, self.headers["Range"]))
                if self.path.startswith("/download/"):
                    self._send_archive()
                    return
                known = {
                    f"/repos/{REPOSITORY}/releases/latest",
                    f"/repos/{REPOSITORY}/releases/tags/{upstream.build}",
                }
                status = upstream.api_status if self.path in known else 404
                body = json.dumps(upstream._release() if status == 200 else {}).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def _send_archive(self) -> None:
                wanted = upstream.archive
                if upstream.beside and self.path.endswith(upstream.beside.name):
                    wanted = upstream.beside
                content = wanted.read_bytes()
                asked = re.fullmatch(r"bytes=(\d+)-", self.headers["Range"] or "")
                start, end = int(asked[1]) if asked else 0, len(content)
                self.send_response(206 if asked else 200)
                self.send_header("Content-Length", str(end - start))
                if asked:
                    self.send_header("Content-Range", f"bytes {start}-{end - 1}/{end}")
                self.end_headers()
                if upstream.cuts:
                    upstream.cuts -= 1
                    end = start + upstream.cut_after
                self.wfile.write(content[start:end])

            def log_message(self, *_: object) -> None:
                pass

        return Handler
