"""`transformers serve`: no clock of its own, `usage` with the finish whether asked for or not.

The role comes at once, long before the first token; a token without text has no event, and no
`[DONE]` ends the stream. Its length is fixed through a generation config, which it takes as text.
It caches no prompts.
"""

import json
from typing import Any

from bench_pipeline.engines.dialects.plain import PlainDialect
from bench_pipeline.engines.dialects.protocol import Messages


class TransformersDialect(PlainDialect):
    name = "transformers"
    fixed_length = True
    formats = frozenset({"safetensors"})

    def body(self, messages: Messages, tokens: int, *, cached: bool) -> dict[str, Any]:
        length = {"max_new_tokens": tokens, "min_new_tokens": tokens, "do_sample": False}
        config = json.dumps(length)
        return {"messages": messages, "generation_config": config, "stream": True}


DIALECT = TransformersDialect()
