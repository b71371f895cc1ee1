"""One module for each page of a member, and those that prepare what a page shows."""
