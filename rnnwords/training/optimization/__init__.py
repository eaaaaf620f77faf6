"""Optimizers, learning-rate schedules, precision, and the training step."""
