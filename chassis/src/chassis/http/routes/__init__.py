"""What every service answers over HTTP, beside its own routes: a module for each subject."""
