"""Reports of a training run: history lines and TensorBoard logs."""
