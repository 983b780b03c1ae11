"""LM Studio: OpenAI's protocol alone. How its own rate is reckoned nobody says: it is not read."""

from bench_pipeline.engines.dialects.plain import PlainDialect


class LmStudioDialect(PlainDialect):
    name = "lm-studio"


DIALECT = LmStudioDialect()
