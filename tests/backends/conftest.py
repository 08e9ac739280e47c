from hypothesis import HealthCheck, settings

# The same examples on every machine, and none of them timed: a shared runner may be slow.
settings.register_profile(
    "deterministic",
    deadline=None,
    derandomize=True,
    database=None,
    max_examples=30,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("deterministic")
