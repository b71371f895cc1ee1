"""The project that this command belongs to: its folder, and the services of its network."""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[4]
"""The project's root; every package is installed in place."""

SERVICES = ("registry", "coordination", "notifications", "gateway")
SITE = "hq"
