"""A run: its `directory`, `checkpoint`s and `environment`, and from its config to objects (`factory`)."""
