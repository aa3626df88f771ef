"""What is sent and read over HTTP: REST, event streams, OpenAPI (contract sections 2, 4, 5)."""
