"""Chromium, for tests that read pages as a person does."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, sync_playwright

from tests.waiting import PATIENCE_S


def installed_chromium(*, whole: bool = False) -> str | None:
    """None: there is none but Playwright's own. The one that never has a window comes first, as it
    draws the same pages with less work, unless a `whole` one is wanted."""
    names = ("chromium", "chromium-browser", "google-chrome")
    names = names if whole else ("chromium-headless-shell", *names)
    return next((path for name in names if (path := shutil.which(name))), None)


@contextmanager
def chromium(*, whole: bool = False) -> Iterator[Browser]:
    """Its event loop ends with it, as it must before others of the same process begin."""
    found = installed_chromium(whole=whole)
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
