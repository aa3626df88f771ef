"""What a build is and what its updates do to it: pure, no I/O."""
