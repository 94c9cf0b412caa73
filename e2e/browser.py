# SPDX-License-Identifier: AGPL-3.0-or-later
"""A real Chromium for the web pages: Debian's, driven by Playwright.

A page made by `new_page` fails its test when the browser complains (a script or style that the content security policy
forbids, a script's error) or when anything is asked of another host. `look` judges what a page looks like.
"""

import re
import shutil
from urllib.parse import urlsplit

import pytest
from axe_playwright_python.sync_playwright import Axe
from paths import TEST_DIR
from playwright.sync_api import sync_playwright

SCREENSHOTS = TEST_DIR / "screenshots"
PHONE, DESKTOP = 375, 1440
# Chromium may not sandbox itself as root, and must not talk to its maker.
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def chromium():
    for name in ("chromium", "chromium-browser", "google-chrome"):
        if path := shutil.which(name):
            return path
    raise RuntimeError("no Chromium: scripts/install-deps.sh test installs it")


@pytest.fixture(scope="session")
def browser():
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture
def new_page(browser, request):
    """new_page(base, ...) -> a page in a browser profile of its own, whose relative addresses begin at `base`."""
    contexts, complaints = [], []

    def make(base, width=DESKTOP, dark=False, script=True, **options):
        context = browser.new_context(
            base_url=base,
            viewport={"width": width, "height": 900},
            color_scheme="dark" if dark else "light",
            java_script_enabled=script,
            accept_downloads=True,
            **options,
        )
        context.set_default_timeout(15_000)
        contexts.append(context)
        page = context.new_page()

        def heard(message):
            # That a page was refused is what some tests ask for; it is no fault of the page.
            if message.type == "error" and not message.text.startswith("Failed to load resource: the server responded"):
                complaints.append(f"{page.url}: {message.text}")

        def asked(asked):
            host = urlsplit(asked.url)
            if host.scheme not in ("data", "blob", "about") and host.netloc != urlsplit(base).netloc:
                complaints.append(f"{page.url} asked for {asked.url}")

        page.on("console", heard)
        page.on("pageerror", lambda error: complaints.append(f"{page.url}: {error}"))
        page.on("request", asked)
        return page

    yield make
    for context in contexts:
        context.close()
    if "allows_complaints" not in request.keywords:
        assert not complaints, complaints


def look(page, name):
    """Takes pictures of a page on a phone and on a desk, light and dark, and checks each: no accessibility rule of WCAG 2.2 AA
    is broken, and nothing is wider than the screen. The pictures are in `screenshots` beside the virtual environments."""
    before = page.viewport_size
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    for width in (PHONE, DESKTOP):
        for scheme in ("light", "dark"):
            page.set_viewport_size({"width": width, "height": 900})
            page.emulate_media(color_scheme=scheme)
            page.screenshot(path=SCREENSHOTS / f"{name}-{width}-{scheme}.png", full_page=True)
            too_wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
            assert too_wide <= 0, f"{name}: {too_wide} pixels wider than a screen of {width}"
            found = Axe().run(page, options={"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]})
            assert not found.response["violations"], f"{name} at {width}, {scheme}:\n{found.generate_report()}"
    page.set_viewport_size(before)
    page.emulate_media(color_scheme="light")


def tab_to(page, text, limit=60):
    """Presses Tab until the thing with this text or label has the focus."""
    pattern = re.compile(re.escape(text), re.IGNORECASE)
    for _ in range(limit):
        page.keyboard.press("Tab")
        label = page.evaluate(
            """() => { const e = document.activeElement; if (!e) return '';
                const labels = e.labels ? [...e.labels].map(l => l.innerText) : [];
                return [e.innerText, e.getAttribute('aria-label'), e.value, ...labels].filter(Boolean).join(' '); }"""
        )
        if pattern.search(label or ""):
            return
    raise AssertionError(f"{limit} times Tab did not reach {text!r}")
