"""Tokens to text: white space by hand-made rules, and as learned from a text."""
