"""PFTGAN: GAN priors for few-shot part segmentation (Han et al., ACM Multimedia 2022)."""
