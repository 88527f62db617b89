"""Wait for what a page will show: how long it takes is the machine's affair."""

import time


def until(page, condition, seconds=20):
    """Wait for a condition: JavaScript, or a function without arguments.

    Playwright's own way needs `eval`, which our pages forbid.
    """
    end = time.monotonic() + seconds
    while not (condition() if callable(condition) else page.evaluate(f"Boolean({condition})")):
        assert time.monotonic() < end, condition
        page.wait_for_timeout(20)
