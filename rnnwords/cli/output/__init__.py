"""Output of the command line: text, JSON, bars, plots, streams and terminals."""
