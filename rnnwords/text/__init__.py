"""Text processing: corpora, tokenizer, vocabulary, token ids."""
