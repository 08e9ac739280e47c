"""`qvunet evaluate`: how far generated images are from real ones.

Start at `evaluate`, which does it all: `reference` chooses the real images and `stored_samples` draws the
others; `classifier` or `inception` is the network that sees both as `features`; `metrics` compare these, and
`intervals` say how sure that is.
"""

from qvunet.evaluation.evaluate import Evaluation, evaluate, make_feature_network, require_enough_images
from qvunet.evaluation.intervals import half_sample_estimate
from qvunet.evaluation.metrics import kernel_inception_distance
from qvunet.evaluation.reference import choose_reference
from qvunet.generation.stored_samples import count_stored_samples, draw_stored_samples

__all__ = [
    "Evaluation",
    "choose_reference",
    "count_stored_samples",
    "draw_stored_samples",
    "evaluate",
    "half_sample_estimate",
    "kernel_inception_distance",
    "make_feature_network",
    "require_enough_images",
]
