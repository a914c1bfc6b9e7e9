"""Benchmarks of "In the Wild Face Parsing in Synthetic-Data Trained Models" (Baker)."""
