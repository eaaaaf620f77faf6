"""The interactive mode."""
