"""Images of a trained run: into files (`generate`), or batch by batch for evaluation (`stored_samples`)."""
