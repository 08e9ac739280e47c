"""Diffusion in pixels.

`process` is the forward process and the objective, `conditioning` classes and guidance, `sampling` the way
back from noise to images.
"""
