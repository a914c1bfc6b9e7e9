"""Benchmarks of FaRL (Zheng et al., https://arxiv.org/abs/2112.03109)."""
