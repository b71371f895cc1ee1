"""The registry's own values and its decisions about them: pure functions, without I/O and without a clock."""
