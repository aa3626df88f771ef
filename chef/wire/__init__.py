"""Bytes in, values out: what clients send is read here, strictly."""
