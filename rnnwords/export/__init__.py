"""Export of a trained model to files that other programs open, each compared with `predict` before it is kept."""
