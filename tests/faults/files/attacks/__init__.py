"""Exploits that must fail. Each function yields names and contents of files or makes paths that attack a reader.

`canary` is a directory that an exploit makes when code in its file runs. tests/faults/files/test_attacks.py gives every
exploit to every command, and shows that the canary works: where the file is opened as its format asks for, code runs.
"""
