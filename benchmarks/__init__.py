"""Benchmarks of facekit, run as modules from the repository's root: ``python -m benchmarks.speed.imports``."""
