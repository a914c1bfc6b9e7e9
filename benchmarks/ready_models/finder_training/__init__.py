"""Training of the embedded face finder: labelled faces, mosaics, targets, loss and loop."""
