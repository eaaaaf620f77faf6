"""The settings of a training run: from a request, by the size of the text, a recipe or a time budget."""
