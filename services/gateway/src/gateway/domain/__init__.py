"""What the gateway decides without asking anyone: how an event is read, how far it got, who may sign in."""
