"""Latent diffusion: images as a few numbers, and a denoiser of those numbers whose core is a circuit.

`autoencoder` turns images into codes and back, `fitting` trains it once for a data set. `denoiser` is the
network, `objective` what it is trained to do, `sampling` the way from noise to codes (Karras et al. 2022,
arXiv:2206.00364, throughout).
"""
