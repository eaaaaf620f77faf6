"""A page in the headless Chromium of this machine, driven by Playwright (`make browser` installs both)."""

import contextlib
import shutil
from collections.abc import Iterator
from typing import Any, Literal, NamedTuple

import pytest

from tests.processes import LIMIT

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
# Only this machine has an address, and WebGL is computed by the processor, so that all machines draw alike.
OPTIONS = ("--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1", "--use-angle=swiftshader", "--disable-breakpad",
           "--enable-unsafe-swiftshader", "--ignore-gpu-blocklist", "--font-render-hinting=none")  # fmt: skip


class Opened(NamedTuple):
    """An empty page, and a list that grows with the problems of what it shows."""

    page: Any  # playwright.sync_api.Page
    problems: list[str]  # errors on the console, exceptions, and requests to other places


@contextlib.contextmanager
def chromium_page(
    origin: str | None = None,
    *,
    width: int = 1280,
    height: int = 900,
    color_scheme: Literal["light", "dark", "no-preference"] = "light",
    reduced_motion: Literal["reduce", "no-preference"] = "no-preference",
    **context: Any,
) -> Iterator[Opened]:
    """Open an empty page; skip the test where Playwright or Chromium is missing.

    The browser reaches this machine alone, and nothing without an `origin`, "http://127.0.0.1:PORT". Requests to other
    places than this origin and files are problems. `context` goes to Playwright's `Browser.new_context`. Playwright's
    waits end after the time limit of processes.
    """
    playwright = pytest.importorskip("playwright.sync_api", reason="needs Playwright (make browser)")
    path = next(filter(None, map(shutil.which, NAMES)), None)
    if path is None:
        pytest.skip("needs Chromium (make browser)")
    problems: list[str] = []

    def note(request: Any) -> None:
        permitted = ("file:", "data:", "blob:", *([f"{origin}/"] if origin else []))
        if not request.url.startswith(permitted):
            problems.append(f"request: {request.url}")

    with playwright.sync_playwright() as driver, driver.chromium.launch(executable_path=path, args=OPTIONS) as browser:
        settings = browser.new_context(
            viewport={"width": width, "height": height}, color_scheme=color_scheme, reduced_motion=reduced_motion,
            offline=origin is None, service_workers="block", **context,
        )  # fmt: skip
        settings.set_default_timeout(1000 * LIMIT)
        settings.on("request", note)
        page = settings.new_page()
        page.on("console", lambda line: problems.append(f"console: {line.text}") if line.type == "error" else None)
        page.on("pageerror", lambda error: problems.append(f"exception: {error}"))
        page.on("crash", lambda _: problems.append("the page crashed"))
        yield Opened(page, problems)
