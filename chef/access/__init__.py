"""Access: the caller of a request, and what that caller may do."""
