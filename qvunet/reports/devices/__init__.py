"""Which recorded devices work: one small circuit on each, through every backend that has a device."""
