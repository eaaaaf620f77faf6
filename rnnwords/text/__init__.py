"""Text in, symbols out: tokenizer, reading, vocabulary, corpus."""
