"""The recurrent network: in numpy for prediction, in Keras for training."""
