"""What can be said of circuits whatever network they are in: `qvunet describe --diagnostics`.

Start at `diagnose` (`network`), which looks at each different circuit of a network. Each question is a
module: `gradients` (with `families` and `trend`), `spectrum`, `expressibility` (on `states`), `cones`,
`simulation`; `draws` gives random parameters.
`tables` prints what was found, `figure` draws it.
"""

from qvunet.diagnostics.figure import save_diagnostics
from qvunet.diagnostics.network import diagnose, write_diagnostics
from qvunet.diagnostics.tables import print_diagnostics

__all__ = ["diagnose", "print_diagnostics", "save_diagnostics", "write_diagnostics"]
