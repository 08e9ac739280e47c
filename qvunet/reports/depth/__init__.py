"""What the circuits cost on a chip; see scripts/depth_report.py."""
