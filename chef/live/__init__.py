"""From a commit to its viewers: the only write path, the hub, its rooms and cursors."""
