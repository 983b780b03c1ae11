"""What the script needs of the rows: each figure in the page's own words, by row and workload.

The page itself shows the ranges; a workload's figures are put in their places when somebody
chooses one. All are strings as wording.py writes them: the script computes no number.
"""

import json
from collections.abc import Iterable

from markupsafe import Markup

from bench_pipeline.site.tables.columns import BESIDE
from bench_pipeline.site.tables.rows import Figure, TableRow


def row_data(rows: Iterable[TableRow]) -> Markup:
    """JSON for a script element, `<` escaped: by row id a list of figures in the page's order.

    A figure is [link, rate, interval, n, standing, source, flags, metrics...] or, without a rate,
    [link, reason].
    """
    data = {row.id: [_figure(figure) for figure in row.figures] for row in rows}
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"), sort_keys=True)
    return Markup(text.replace("<", "\\u003c"))


def _figure(figure: Figure) -> list[str]:
    if figure.tok_s is None:
        return [figure.href, figure.reason]
    n = "" if figure.n is None else str(figure.n)
    metrics = [figure.metric(metric) for metric in BESIDE]
    about = [figure.standing_text, figure.source_text, ", ".join(figure.flags)]
    return [figure.href, figure.text, figure.interval, n, *about, *metrics]
