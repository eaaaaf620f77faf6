"""The Python API of a trained model, without TensorFlow: `Predictor` ranks words, scores, generates and explains."""
