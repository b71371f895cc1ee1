"""Coordination's decisions: pure functions on frozen values, without I/O and without a clock."""
