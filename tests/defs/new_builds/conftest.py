from collections.abc import Iterator

import pytest

from tests.engines.builds.releases import Releases


@pytest.fixture
def upstream() -> Iterator[Releases]:
    releases = Releases()
    releases.publish("b11500")
    yield releases
    releases.down()
