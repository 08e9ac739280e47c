"""What a network's work costs on IBM hardware; see `qvunet report prices`."""
