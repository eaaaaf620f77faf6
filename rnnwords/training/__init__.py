"""Training: from a text to a model file. It uses TensorFlow, which is loaded when a run starts."""
