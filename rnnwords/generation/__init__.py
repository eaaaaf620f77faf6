"""From a language model to text: sampling, beam search, and limits on copying and repetition."""
