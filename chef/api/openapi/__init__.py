"""The API described by itself: the OpenAPI document and its parts."""
