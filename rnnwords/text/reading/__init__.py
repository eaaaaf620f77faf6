"""Files, pipes and standard input, read as text."""
