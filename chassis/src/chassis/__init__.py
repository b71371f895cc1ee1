"""The library that every service stands on: one transaction, events announced and applied once, telemetry."""
