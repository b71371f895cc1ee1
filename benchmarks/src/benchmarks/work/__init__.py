"""The work that is measured: a service in miniature, on the chassis, that announces entries and keeps a copy of them."""
