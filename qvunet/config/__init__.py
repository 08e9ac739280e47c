"""The config of an experiment: one YAML file, checked before anything heavy is imported.

Start at `schema`: the whole config, and the functions that load, change and write it. `options` holds its
sections, `files` reads YAML and what a file extends, `errors` words pydantic's errors for the user. Nothing
here imports torch or Qiskit.
"""

from qvunet.config.schema import (
    ABLATE_KEYS,
    EVALUATE_KEYS,
    JOBS_KEYS,
    RESUME_KEYS,
    SAMPLE_KEYS,
    Config,
    changed_keys,
    dump_config,
    load_changed,
    load_config,
)

__all__ = [
    "ABLATE_KEYS",
    "EVALUATE_KEYS",
    "JOBS_KEYS",
    "RESUME_KEYS",
    "SAMPLE_KEYS",
    "Config",
    "changed_keys",
    "dump_config",
    "load_changed",
    "load_config",
]
