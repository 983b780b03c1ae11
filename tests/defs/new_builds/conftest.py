from tests.engines.builds.conftest import upstream

__all__ = ["upstream"]
