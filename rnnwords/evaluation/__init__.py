"""How good a language model is on a text: metrics, baselines, comparison of two models, report."""
