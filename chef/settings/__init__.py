"""An operator's settings, checked, and the log of the server itself."""
