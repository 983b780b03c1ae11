"""A stranger's text, fit to be published."""

from bench_pipeline.engines.llama_cpp.log_reading import scrub


def plain(text: str, length: int = 60) -> str:
    """In one line: no private folder, no address, nothing unprintable, not too long."""
    words = "".join(c if c.isprintable() else " " for c in scrub(text)).split()
    line = " ".join(words)
    return line if len(line) <= length else f"{line[: length - 1]}…"
