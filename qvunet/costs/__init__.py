"""What circuits cost, known before any is run.

`executions` says what one step asks of each backend, `pricing` what work on hardware costs at several
settings, `hardware` what a command's jobs cost, whether the user agrees to them, and where they are kept,
and `submitted` what became of them.
"""
