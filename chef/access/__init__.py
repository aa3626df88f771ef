"""Who a request is of, and what it may do."""
