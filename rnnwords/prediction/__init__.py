"""Prediction: sampling, the n-gram baseline, the predictor and its evaluation. No TensorFlow here."""
