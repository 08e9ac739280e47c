"""What the circuits cost on a chip; see `qvunet report depth`."""
