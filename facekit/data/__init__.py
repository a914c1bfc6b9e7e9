"""Training data: readers of published data sets, face crops, images with texts, and generated faces and cats."""
