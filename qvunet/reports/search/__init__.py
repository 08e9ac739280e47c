"""Where a circuit could beat what stands in its place: problems made for it, and whether it does."""
