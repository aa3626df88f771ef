"""The output of a build: its lines, the markers in them, the secrets that must not leave. Pure."""
