"""What a config asks a network to learn, and how images come out of it.

`base` says what a task is, `pixels` denoises images, `codes` what an autoencoder makes of them; `factory`
finds the task of a config.
"""

from qvunet.tasks.base import Task
from qvunet.tasks.factory import make_task

__all__ = ["Task", "make_task"]
