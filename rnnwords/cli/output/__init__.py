"""Output of the command line: bars, plots, streams and terminals."""
