"""What scripts/shot_noise_ablation.py measures, one idea a file, and how it reports."""
