"""What an operator sets, checked, and the log of the server itself."""
