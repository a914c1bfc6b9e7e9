"""Which backbone suits a data set: scores of several backbones on the same draws of labelled faces."""
