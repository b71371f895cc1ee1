"""What is decided of a request without asking anyone: is it an event that may be taken, and whose key is shown."""
