"""Reports of training: live display, table, summary, and the next command."""
