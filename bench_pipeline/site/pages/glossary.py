"""The glossary: the only page that explains every word; the others' terms lead here."""

from bench_pipeline.site.pages.press import Press


def pages(press: Press) -> dict[str, bytes]:
    return {"glossary.html": press.page("glossary.html")}
