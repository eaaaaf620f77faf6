"""`python -m rnnwords` is the same program as `rnnwords`.

`python -m` puts the current directory first on the path of imports, where a file such as `json.py` would take the place
of a module of Python. So the directory is removed before anything else is imported; if this package lies in it, the
directory becomes the last one. `python -P -m rnnwords` does not add it in the first place.
"""

import os
import sys


def _remove_current_directory() -> None:
    if sys.flags.safe_path or not sys.path or not _same(sys.path[0], os.curdir):
        return
    entry = sys.path.pop(0)
    if _same(os.path.dirname(os.path.dirname(__file__)), os.curdir):
        sys.path.append(entry)


def _same(one: str, other: str) -> bool:
    try:
        return os.path.samefile(one or os.curdir, other)
    except OSError:  # the current directory has been deleted
        return one == ""


def main() -> None:
    """Run the program. Ctrl-C before it handles signals ends the process without a traceback."""
    import signal

    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    from rnnwords.cli import main

    main()


if __name__ == "__main__":
    _remove_current_directory()
    main()
