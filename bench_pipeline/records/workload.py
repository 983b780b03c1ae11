"""A workload: a prompt shape with an output budget, in `content/workloads/<name>.yaml`."""

from pydantic import Field

from bench_pipeline.records.base import LARGEST_COUNT, Name, Record, Slug, Whole

LONGEST_PROMPT = 1_000_000
"""Characters: some 200,000 tokens."""


class Workload(Record):
    """A prompt shape with an output budget."""

    slug: Slug
    """The file's stem; leave it out."""
    title: Name
    """Its name on the page."""
    order: Whole
    """Place among the workloads on the page."""
    explanation: str
    """What this shape stresses, for a visitor; shown under its chart."""
    prompt_tokens: int = Field(ge=16, le=LARGEST_COUNT)
    """Tokens of the whole prompt as the server counts it, template and nonce included."""
    output_tokens: int = Field(ge=8, le=LARGEST_COUNT)
    """Tokens of each reply in profile `full`."""
    quick_output_tokens: int = Field(ge=8, le=LARGEST_COUNT)
    """The output budget of profile `quick`."""
    system: str = Field(default="", max_length=LONGEST_PROMPT)
    """Follows the nonce in the system message; for `agent`, the tool schemas."""
    body: str = Field(min_length=1, max_length=LONGEST_PROMPT, pattern=r"\S")
    """The user's message; cut at a word, or repeated, to meet the prompt budget."""
