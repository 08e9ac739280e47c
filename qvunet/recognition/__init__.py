"""What networks see in images: features of a small classifier of the data (`classifier`) or of Inception v3.

`features` says what they have in common. Evaluation compares images by them, and the latent autoencoder is
trained to keep them.
"""
