"""The typed events of the network and the code lists they use: what services and partners agree on."""
