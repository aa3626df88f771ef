"""The systems that run builds, known by their environment, and git where there is none."""
