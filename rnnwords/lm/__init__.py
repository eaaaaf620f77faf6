"""Language models: everything that gives the probability of the next word after the words before it."""
