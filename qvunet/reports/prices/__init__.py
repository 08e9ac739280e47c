"""What a network's work costs on IBM hardware; see scripts/price_list.py."""
