"""HTTP/1.1 on gevent (RFC 9112, RFC 9110). Knows nothing else of Chef."""
