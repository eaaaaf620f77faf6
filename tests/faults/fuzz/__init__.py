"""Fuzzing. Each module `targets` lists has a function `check(data)` that raises only on a finding.

`make test` replays the findings in corpus/ and runs each target for about a second (test_fuzz.py);
`make fuzz` runs them as long as one likes: `python -m tests.faults.fuzz --help`.
"""
