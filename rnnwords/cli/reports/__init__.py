"""The reports of the commands, as text and as plots."""
