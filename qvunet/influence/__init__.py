"""How much a network's circuits matter: `qvunet ablate`, and the line at the end of every training.

`ablations` replaces what parts of a network return, `probe` evaluates a network on held-out images whose
noise and noise levels are the same every time, `change` says by how much a loss changed and how sure that is,
`shares` what part of gradient, Fisher information and movement the circuits have, `verdict` what it amounts
to in words, `ablate` does it all for a run, and `pages` writes it down.
"""
