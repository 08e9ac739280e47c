"""Training: the loop (`trainer`), its `batches`, weights from another run (`transfer`), its `summary`."""
