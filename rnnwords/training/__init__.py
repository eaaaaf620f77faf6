"""Training: the loop, its checkpoints, its reports. The only wing that needs TensorFlow."""
