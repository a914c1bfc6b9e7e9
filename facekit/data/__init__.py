"""Where training data comes from: generated faces, readers of data sets, annotation formats."""
