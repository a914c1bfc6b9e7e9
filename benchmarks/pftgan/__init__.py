"""Benchmarks of PFTGAN (Han et al., "Leveraging GAN Priors for Few-Shot Part Segmentation", MM 2022)."""
