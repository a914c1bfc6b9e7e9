"""Benchmarks of FSMA (Wei et al., https://arxiv.org/abs/2104.09457) and of few-shot adaptation on real faces."""
