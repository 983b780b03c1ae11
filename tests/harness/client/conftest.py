"""What a starved client reads is looked at here as in any run."""

import pytest


@pytest.fixture(scope="module", autouse=True)
def _starved_clients_are_heard() -> None:
    """They are not."""
