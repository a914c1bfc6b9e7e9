"""The tables of the four papers as experiments: `facekit reproduce`.

`experiment` says what an experiment is, `cells` keeps finished cells, `run` computes the missing ones, and `report`
writes the tables. There is one module of experiments per paper. `catalogue` lists them all.
"""
