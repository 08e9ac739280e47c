"""A run: its `directory`, its `checkpoint`s, the `environment` and the `device` it runs on."""
