"""A language server for editors: next words and continuations over the Language Server Protocol (LSP) 3.18."""
