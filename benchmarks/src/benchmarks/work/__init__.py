"""The measured work: a service in miniature, on the chassis, that announces entries and keeps a copy of them."""
