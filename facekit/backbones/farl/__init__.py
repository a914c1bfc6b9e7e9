"""FaRL: general facial representation learning in a visual-linguistic manner (https://arxiv.org/abs/2112.03109)."""
