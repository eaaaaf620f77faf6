"""Steps after training: n-gram counting, interpolation weights, temperature scaling."""
