"""Browsers whose fonts are known: one family alone, and a visitor's least size of letters."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from playwright.sync_api import Page

PACKAGES = {"Liberation Sans": "fonts-liberation", "DejaVu Sans": "fonts-dejavu-core"}
"""Of Debian, by family."""


def only(family: str, folder: Path) -> dict[str, str]:
    """The environment of a program that finds no other fonts than those beside this family's;
    `folder` is for its settings and its cache."""
    listed = subprocess.run(
        [shutil.which("fc-list") or "fc-list", f":family={family}", "file"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split(":")
    if not listed[0].strip():
        pytest.fail(f"no {family} ({PACKAGES[family]}): sh scripts/system_packages.sh test")
    settings = folder / "fonts.conf"
    settings.write_text(
        f"<fontconfig><dir>{Path(listed[0].strip()).parent}</dir>"
        f"<cachedir>{folder / 'cache'}</cachedir><match target='pattern'>"
        f"<edit name='family' mode='append_last'><string>{family}</string></edit>"
        "</match></fontconfig>",
        encoding="utf-8",
    )
    return {**os.environ, "FONTCONFIG_FILE": str(settings)}


def used(page: Page, selector: str) -> set[str]:
    """Families that the element's letters are painted with."""
    session = page.context.new_cdp_session(page)
    session.send("DOM.enable")
    session.send("CSS.enable")
    root = session.send("DOM.getDocument")["root"]["nodeId"]
    node = session.send("DOM.querySelector", {"nodeId": root, "selector": selector})["nodeId"]
    found = session.send("CSS.getPlatformFontsForNode", {"nodeId": node})["fonts"]
    session.detach()
    return {font["familyName"] for font in found}
