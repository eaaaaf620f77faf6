"""`python -m rnnwords` is the same program as `rnnwords`."""

from rnnwords.cli import main

if __name__ == "__main__":
    main()
