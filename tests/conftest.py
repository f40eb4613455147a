"""Settings of every test: no network, no telemetry, one thread a process. They must stand before torch or Prefect is imported."""

import os

os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["DO_NOT_TRACK"] = "1"
os.environ["PREFECT_SERVER_ANALYTICS_ENABLED"] = "false"
os.environ.setdefault("OMP_NUM_THREADS", "1")
