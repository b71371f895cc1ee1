"""Who must know: one item per event, recipient and reason, live, in the member's language."""
