"""The command line: one file per group of commands; `main` has the parser."""
