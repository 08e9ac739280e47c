"""Images and their classes.

`images` says what a set of them is, and `sources` loads one from where a config says: `idx` reads files in
MNIST's format, `folders` finds image files, `pictures` reads one and `decoding` many, `python` calls a
function of the user's, and `fitting` brings images to a size.
"""

from qvunet.data.images import Dataset, ImageSet
from qvunet.data.sources import load_data

__all__ = ["Dataset", "ImageSet", "load_data"]
