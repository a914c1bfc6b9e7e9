"""Benchmarks of speed and memory. Each compares with the straightforward way in one run, where there is one."""
