"""What a user writes, kept in a file of n-grams: which words are kept, the file, and the part of them in prediction."""
