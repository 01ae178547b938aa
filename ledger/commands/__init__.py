"""What the command line can do, by subject."""
