"""Whose site it is, declared in `content/site.yaml`; without that file nothing is said."""

from pydantic import Field

from bench_pipeline.records.base import MOST_ITEMS, Record, Sender

DEFAULT_TITLE = "Token speeds"

_WEB = r"^https?://[^\s\"'<>]+$"


class SiteFacts(Record):
    """What the pages say of their owner."""

    title: str = Field(default=DEFAULT_TITLE, min_length=1, max_length=60)
    """The site's name, in the head of each page."""
    author: str | None = Field(default=None, max_length=120)
    """Who answers for it."""
    home: str | None = Field(default=None, pattern=_WEB, max_length=300)
    """The author's own page."""
    address: str | None = Field(default=None, pattern=_WEB, max_length=300)
    """Where the site stands, for links that must be whole: `https://me.example/speeds/`."""
    licence: str | None = Field(default=None, max_length=120)
    """Under which the figures may be used, e.g. `CC-BY-4.0`."""
    repository: str | None = Field(default=None, pattern=_WEB, max_length=300)
    """Where the run files are kept."""
    known_senders: list[Sender] = Field(default=[], max_length=MOST_ITEMS)
    """Owners of rigs whose runs are ranked like your own; those of others are shown behind."""
    social_image: str | None = Field(default=None, pattern=_WEB, max_length=300)
    """A picture for those who link to the site."""
