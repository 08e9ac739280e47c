"""What scripts/reproduce_tables.py does: the grid of cells, one cell, its result, figures, the report."""
