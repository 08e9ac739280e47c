"""What error mitigation does for pictures, and what it costs; see `qvunet report mitigation`."""
