"""Interactive writing: `rnnwords repl`."""
