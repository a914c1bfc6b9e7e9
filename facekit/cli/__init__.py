"""The command line. `main` builds the parser; every other module adds one group of commands."""
