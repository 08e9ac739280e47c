from __future__ import annotations

import os

# One thread a process: `make test` runs two processes, the tensors are tiny, and idle threads that spin slow
# down a busy machine. torch and the commands that tests start read this.
os.environ["OMP_NUM_THREADS"] = "1"
