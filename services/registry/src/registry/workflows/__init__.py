"""One function per use case, one transaction each: what changes, and what is announced of it."""
