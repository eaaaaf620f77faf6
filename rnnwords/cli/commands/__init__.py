"""One file per command: it parses, calls one library function, and prints the result."""
