"""One module for each page of an operator."""
