"""Serve the measured work as the network's own services are served: `python -m benchmarks.work`."""

from fastapi import FastAPI

from benchmarks.work.settings import Settings
from benchmarks.work.subscribers import subscriptions
from chassis.runtime.process import serve
from chassis.runtime.service import create_service


def build(settings: Settings) -> FastAPI:
    return create_service("benchmarks", settings, subscriptions=subscriptions if settings.hears else None)


if __name__ == "__main__":
    serve(build, Settings)
