"""The network twice: in numpy for prediction, in Keras for training."""
