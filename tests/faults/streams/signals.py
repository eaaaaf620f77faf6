"""Signals that end the program."""

import signal

# signal -> exit status, stderr
ENDS = {
    signal.SIGINT: (130, ""),
    signal.SIGTERM: (143, "Ended by SIGTERM."),
    signal.SIGHUP: (129, "Ended by SIGHUP."),
}
