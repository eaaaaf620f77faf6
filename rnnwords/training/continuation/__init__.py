"""Training that continues from a trained model: what the new network takes over from it."""
