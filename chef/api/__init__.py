"""The API over HTTP: REST, event streams, OpenAPI (contract sections 2, 4, 5)."""
