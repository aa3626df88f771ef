"""Requests that write: their callers' rights and rate."""

from __future__ import annotations

from typing import Any

from flask import Flask, Response, request

from chef.access.credentials import Credentials, http_credentials
from chef.access.principals import Principal
from chef.access.writelimit import Fields
from chef.services import Services, services

RATE_FIELDS = ("RateLimit", "RateLimit-Policy")
_LEFT = "chef.service_limit"


def writer_of_request() -> Principal:
    """The caller, who writes with this request; raises Unauthorized, Forbidden or TooManyRequests."""
    return admit_writer(services(), request.environ, http_credentials(request.environ))


def admit_writer(chef: Services, environ: dict[str, Any], credentials: Credentials) -> Principal:
    """The same for any request. It counts among the writes of its token and address."""
    writer = chef.gate.writer(credentials)
    count_write(chef, environ, writer, credentials.address)
    return writer


def count_write(chef: Services, environ: dict[str, Any], writer: Principal, address: str) -> None:
    """Count a request among the writes of its token and address; raises TooManyRequests."""
    left = environ[_LEFT] = chef.write_limit.take(writer, address)
    chef.write_limit.check(left, address)


def rate_fields(chef: Services, environ: dict[str, Any]) -> Fields:
    """The fields of an answer that tell how many writes are left; none where the request was no write."""
    return chef.write_limit.fields(environ.get(_LEFT))


def install(app: Flask) -> None:
    """Tell each answer to a write how many are left."""

    @app.after_request
    def tell(response: Response) -> Response:
        response.headers.extend(rate_fields(services(), request.environ))
        return response
