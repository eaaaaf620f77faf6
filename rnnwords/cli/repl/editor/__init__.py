"""The editor of a draft on a terminal."""
