"""Formats of text files: what is read as text, what is left out of it, and what is refused with a remedy."""
