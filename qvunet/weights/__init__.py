"""Trained networks that come with the package: a folder for each, and `finding` them by name.

A folder holds `README.md`, its card in the Hub's format; `config.json` and weights, as `save_pretrained`
writes them, in float16; the `autoencoder/` of a latent network; the `circuit/` of one whose circuit this
package cannot make; `config.yaml`, that it was trained with; `figures.json`, what was measured; and
`samples.png`. `qvunet.cards` writes them.
"""
