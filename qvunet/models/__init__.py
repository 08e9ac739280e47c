"""The network.

`unet` is where to start. `presets` says what a network is made of; `builder` makes that of `blocks` and
`attention` (`linear_attention`), for the `skeleton`. `hybrid` says where the circuits sit, `mixers` takes
feature maps to their qubits and back, `controls` puts something else in their place.
"""

from qvunet.tools.quick_import import import_diffusers

import_diffusers()
