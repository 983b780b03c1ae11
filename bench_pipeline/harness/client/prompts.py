"""A workload's prompt, fitted to its token budget by the server's own tokenizer."""

import random
import re
from collections.abc import Iterator
from typing import Any

from bench_pipeline.engines.dialects import fields, llama_server
from bench_pipeline.engines.dialects.protocol import COMPLETIONS, Dialect, Messages, Unlike
from bench_pipeline.engines.llama_cpp.asking import WrongAnswer, ask, local_client
from bench_pipeline.records.workload import Workload

NONCE_DIGITS = 8
FILLERS = (" and", " so", " then", " now", " too", ".")
"""Short words, one token each in most vocabularies: they close the last few tokens' gap."""


class PromptFitter:
    """Counts and fits prompts through one server: by what its family has for that, else by what
    it says that a prompt had, when it has answered with one token."""

    def __init__(self, base_url: str, dialect: Dialect = llama_server.DIALECT) -> None:
        self._client, self._dialect = local_client(base_url), dialect

    def close(self) -> None:
        self._client.close()

    def count_tokens(self, messages: Messages) -> int:
        """Tokens of the rendered prompt, special tokens included, as the server counts them."""
        counted = self._dialect.count(self._ask, messages)
        return self._tried(messages) if counted is None else counted

    def tokens(self, messages: Messages) -> list[int] | None:
        """The rendered prompt; None: the family cannot be asked."""
        return self._dialect.tokens(self._ask, messages)

    def _tried(self, messages: Messages) -> int:
        body = self._dialect.body(messages, 1, cached=True) | {"stream": False}
        body.pop("stream_options", None)
        answer = self._ask("POST", COMPLETIONS, body)
        try:
            usage = fields.usage(answer)
        except Unlike as error:
            raise WrongAnswer(COMPLETIONS, f"is none: {error}") from None
        if usage is None or not usage.prompt_tokens:
            raise WrongAnswer(COMPLETIONS, "does not say how many tokens the prompt had")
        return usage.prompt_tokens

    def _ask(self, method: str, path: str, body: Any) -> dict[str, Any]:
        return ask(self._client, method, path, body)

    def fit(self, workload: Workload) -> "FittedPrompt":
        return self.fit_text(workload.system, workload.body, workload.prompt_tokens)

    def fit_text(self, system: str, body: str, budget: int) -> "FittedPrompt":
        """The longest part of `body` (cut at a word, repeated if too short) within the budget.

        Then short fillers up to the exact count. A budget below the template's own tokens
        leaves one word of body; the run file records what the server counted either way.
        """
        words = re.findall(r"\S+\s*", body)

        def prompt(count: int, filler: str = "") -> FittedPrompt:
            text = "".join(words[i % len(words)] for i in range(count)).rstrip() + filler
            return FittedPrompt(system, text)

        def tokens(candidate: FittedPrompt) -> int:
            candidate.tokens = self.count_tokens(candidate.with_nonce("0" * NONCE_DIGITS))
            return candidate.tokens

        low, high = 1, budget  # a word is at least a token
        while low < high:
            middle = (low + high + 1) // 2
            if tokens(prompt(middle)) <= budget:
                low = middle
            else:
                high = middle - 1
        best, filler = prompt(low), ""
        missing = budget - tokens(best)
        while missing > 0:
            for extra in FILLERS:
                candidate = prompt(low, filler + extra)
                left = budget - tokens(candidate)
                if 0 <= left < missing:
                    best, filler, missing = candidate, filler + extra, left
                    break
            else:
                break
        if best.tokens is None:
            tokens(best)
        return best


class FittedPrompt:
    """A prompt that needs only its nonce.

    The nonce leads the system message: no two requests share more than the template's head.
    It is a fixed number of digits, because tokenizers cut digits singly or by three, so that
    every nonce is equally many tokens.
    """

    def __init__(self, system: str, body: str) -> None:
        self._system, self._body = system, body
        self.tokens: int | None = None
        """By the server's own template and tokenizer; None until it was asked."""

    def with_nonce(self, nonce: str) -> Messages:
        system = f"{nonce}\n{self._system}" if self._system else nonce
        return [{"role": "system", "content": system}, {"role": "user", "content": self._body}]


def nonces(seed: int) -> Iterator[str]:
    """Endless nonces; no repeats within a run."""
    source, used = random.Random(seed), set()
    while True:
        nonce = "".join(source.choice("0123456789") for _ in range(NONCE_DIGITS))
        if nonce not in used:
            used.add(nonce)
            yield nonce
