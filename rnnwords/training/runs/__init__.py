"""A run on disk: its directory, checkpoints, history, and the settings with which it is resumed."""
