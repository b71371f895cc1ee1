"""The `ssenet` command, and the whole network run on one machine."""
