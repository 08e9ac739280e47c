"""One module for each system that is measured.

A module has one public function, ``build(**settings)``. It returns a callable without arguments, one call
of which is what is timed, and which returns arrays or tensors when all work is done. Layers return
(values, gradient of the inputs, gradient of the weights), so that they can be checked against each other;
training steps return the loss. Importing a module imports the libraries it needs, outside of any timing.
"""
