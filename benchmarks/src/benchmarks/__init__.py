"""How fast the backbone is, against floors measured in the same run."""
