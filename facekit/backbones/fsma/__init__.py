"""FSMA: few-shot model adaptation of a frozen adversarial auto-encoder (https://arxiv.org/abs/2104.09457)."""
