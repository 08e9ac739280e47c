"""What `qvunet report tables` does: the grid of cells, one cell, its result, figures, the report."""
