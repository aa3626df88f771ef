"""The domain: builds and the rules of their updates. Pure, no I/O."""
