"""The Kneser-Ney n-gram model: counting, storage, probabilities, the back-off form, the union of two models."""
