"""The browser of the tests: it reports errors of a page, and reaches no other machine."""

from pathlib import Path

import pytest

from tests.browser import chromium_page

ORIGIN = "http://127.0.0.1:1"  # where nothing listens

REQUESTS = """<title>none</title><script>
console.error("printed");
setTimeout(() => { throw new Error("thrown"); });
const code = 'fetch("http://192.0.2.1/").catch(() => postMessage("failed"))';
const worker = new Worker(URL.createObjectURL(new Blob([code])));
worker.onmessage = () => fetch("http://192.0.2.1/")
  .catch(() => fetch("https://example.com/"))
  .catch(() => { document.title = "all failed"; });
</script>"""


@pytest.mark.parametrize(("origin", "error"), [(None, "INTERNET_DISCONNECTED"), (ORIGIN, "NAME_NOT_RESOLVED")])
def test_errors_of_a_page_and_requests_to_other_machines_are_problems(origin, error, tmp_path: Path) -> None:
    (tmp_path / "page.html").write_text(REQUESTS, encoding="utf-8")
    with chromium_page(origin) as (page, problems):
        page.goto((tmp_path / "page.html").as_uri())
        page.wait_for_function("document.title == 'all failed'")
    failures = [problem for problem in problems if "Failed to load" in problem]
    assert set(failures) == {f"console: Failed to load resource: net::ERR_{error}"}
    places = ["http://192.0.2.1/", "http://192.0.2.1/", "https://example.com/"]  # of the worker, then of the page
    assert [problem for problem in problems if "request" in problem] == [f"request: {place}" for place in places]
    assert {"console: printed", "exception: thrown"} <= set(problems)


def test_a_page_has_the_given_size_and_color_scheme_and_no_problems(tmp_path: Path) -> None:
    (tmp_path / "page.html").write_text("<title>nothing</title>", encoding="utf-8")
    with chromium_page(width=400, color_scheme="dark", reduced_motion="reduce") as (page, problems):
        page.goto((tmp_path / "page.html").as_uri())
        assert page.evaluate("innerWidth") == 400
        for query in ("(prefers-color-scheme: dark)", "(prefers-reduced-motion: reduce)"):
            assert page.evaluate(f"matchMedia('{query}').matches")
    assert problems == []
