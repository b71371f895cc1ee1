"""The history of coordination's tables."""
