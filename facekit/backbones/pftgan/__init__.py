"""PFTGAN: StyleGAN2 priors for few-shot part segmentation (Han et al., MM 2022)."""
