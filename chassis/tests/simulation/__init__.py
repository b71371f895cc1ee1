"""The backbone's decisions in a world of our own making: one seed, one course of things, every time."""
