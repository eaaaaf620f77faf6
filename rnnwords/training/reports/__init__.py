"""Reports of a training run: history lines, samples and TensorBoard logs."""
