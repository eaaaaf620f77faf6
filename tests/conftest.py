"""Settings of all tests."""

import os

from hypothesis import settings

# No deadline: a busy machine is no failure. Continuous integration draws the same examples each time.
settings.register_profile("rnnwords", deadline=None, derandomize="CI" in os.environ)
settings.load_profile("rnnwords")
