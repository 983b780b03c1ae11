"""`transformers serve`: no clock of its own, `usage` with the finish whether asked for or not.

The role comes at once, long before the first token; a token without text has no event, and no
`[DONE]` ends the stream. Its length is fixed through a generation config, which it takes as text.
"""

import json
from typing import Any

from bench_pipeline.engines.dialects import fields
from bench_pipeline.engines.dialects.protocol import Ask, Messages, Seen


class TransformersDialect:
    name = "transformers"
    own_clock = False
    fixed_length = True
    head_tokens = 0  # it caches no prompts

    def body(self, messages: Messages, tokens: int, *, cached: bool) -> dict[str, Any]:
        length = {"max_new_tokens": tokens, "min_new_tokens": tokens, "do_sample": False}
        return {
            "messages": messages,
            "generation_config": json.dumps(length),
            "stream": True,
        }

    def see(self, event: dict[str, Any]) -> Seen:
        return fields.seen(event)

    def count(self, ask: Ask, messages: Messages) -> int | None:
        return None


DIALECT = TransformersDialect()
