"""Chromium, for tests that read pages as a person does."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, sync_playwright

from tests.waiting import PATIENCE_S


def installed_chromium() -> str | None:
    """None: there is none but Playwright's own."""
    names = ("chromium", "chromium-browser", "google-chrome")
    return next((path for name in names if (path := shutil.which(name))), None)


@contextmanager
def chromium() -> Iterator[Browser]:
    """Its event loop ends with it, as it must before others of the same process begin."""
    found = installed_chromium()
    with sync_playwright() as playwright:
        bundled = Path(playwright.chromium.executable_path)
        if found is None and not bundled.exists():
            pytest.fail("no browser: `make packages`, or `playwright install chromium`")
        browser = playwright.chromium.launch(executable_path=found, args=["--no-sandbox"])
        new_context = browser.new_context

        def patient_context(**options: Any) -> BrowserContext:
            """Playwright's own half a minute is too little for a busy machine."""
            context = new_context(**options)
            context.set_default_timeout(PATIENCE_S * 1000)
            return context

        browser.new_context = patient_context  # type: ignore[method-assign]
        yield browser
        browser.close()
