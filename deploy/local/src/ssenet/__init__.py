"""The `ssenet` command: the whole network on one machine, from two wheels."""
