"""From a build machine to the server: what waits, in which order it leaves, and what becomes of it."""
