"""Tables of bad inputs, one module per part of the package. `tests/test_bad_inputs.py` runs all rows.

Each module defines `ROWS`: (name of what is wrong, type of the error, call that must fail, pattern of the message). The
call gets an empty temporary folder.
"""
