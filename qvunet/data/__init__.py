"""Images and their classes.

`images` says what a set of them is, `sources` loads one from where a config says, and `idx` reads files in
MNIST's format.
"""

from qvunet.data.images import Dataset, ImageSet
from qvunet.data.sources import load_data

__all__ = ["Dataset", "ImageSet", "load_data"]
