"""Names of header fields as WSGI calls them, ready for those that clients really send.

The table is fixed: nothing that a client sends gets into it. A name that is not in it is read each time.
"""

from __future__ import annotations

from typing import Final

# Sources: the field registry of RFC 9110; Fetch and Client Hints of browsers; what curl, HTTP libraries, CI
# systems, load balancers and content delivery networks document.
_SENT = """
Accept Accept-Charset Accept-Encoding Accept-Language Authorization Cache-Control Connection
Content-Disposition Content-Encoding Content-Language Content-Length Content-Type Cookie Date Expect From
Host If-Match If-Modified-Since If-None-Match If-Range If-Unmodified-Since Keep-Alive Last-Event-ID
Max-Forwards Origin Pragma Prefer Proxy-Connection Range Referer TE Trailer Transfer-Encoding Upgrade
User-Agent Via Warning

Access-Control-Request-Headers Access-Control-Request-Method Access-Control-Request-Private-Network
Available-Dictionary DNT Device-Memory Downlink ECT Priority Purpose RTT Save-Data
Sec-CH-Prefers-Color-Scheme Sec-CH-Prefers-Reduced-Motion Sec-CH-UA Sec-CH-UA-Arch Sec-CH-UA-Bitness
Sec-CH-UA-Full-Version-List Sec-CH-UA-Mobile Sec-CH-UA-Model Sec-CH-UA-Platform
Sec-CH-UA-Platform-Version Sec-CH-UA-WoW64 Sec-Fetch-Dest Sec-Fetch-Mode Sec-Fetch-Site
Sec-Fetch-Storage-Access Sec-Fetch-User Sec-GPC Sec-Purpose Service-Worker Upgrade-Insecure-Requests
X-Requested-With
Sec-WebSocket-Extensions Sec-WebSocket-Key Sec-WebSocket-Protocol Sec-WebSocket-Version

Baggage Idempotency-Key MIME-Version Traceparent Tracestate X-API-Key X-B3-ParentSpanId X-B3-Sampled
X-B3-SpanId X-B3-TraceId X-Correlation-ID X-Request-ID X-Trace-ID
X-GitHub-Delivery X-GitHub-Event X-GitHub-Hook-ID X-GitLab-Event X-GitLab-Token X-Hub-Signature
X-Hub-Signature-256

CDN-Loop CF-Connecting-IP CF-IPCountry CF-Ray CF-Visitor Connect-Time Fastly-Client-IP Fly-Client-IP
Fly-Forwarded-Proto Fly-Region Fly-Request-ID Forwarded Remote-Addr Total-Route-Time True-Client-IP
X-Amz-Cf-ID X-Amzn-Trace-ID X-ARR-SSL X-Azure-Ref X-Client-IP X-Cloud-Trace-Context X-Cluster-Client-IP
X-Envoy-Attempt-Count X-Envoy-Expected-RQ-Timeout-Ms X-Envoy-External-Address X-Forwarded
X-Forwarded-For X-Forwarded-Host X-Forwarded-Port X-Forwarded-Prefix X-Forwarded-Proto
X-Forwarded-Scheme X-Forwarded-Server X-Forwarded-SSL X-Forwarded-URI X-HTTP-Method-Override
X-Original-Forwarded-For X-Original-Host X-Original-Proto X-Original-URI X-Real-IP X-Render-Origin-Server
X-Request-Start X-Scheme X-Varnish
"""


def environ_key(name: str) -> str:
    """The name in a WSGI environ (PEP 3333); empty where it would be taken for that of another field."""
    if "_" in name:
        return ""  # `X_Forwarded_For` is not X-Forwarded-For.
    key = name.upper().replace("-", "_")
    return key if key in ("CONTENT_LENGTH", "CONTENT_TYPE") else f"HTTP_{key}"


# As written, and in the lower case that clients and proxies of HTTP/2 have for all names.
KEYS: Final = {
    name: environ_key(name) for sent in _SENT.split() for name in (sent, sent.lower(), sent.title())
}
"""The keys of known names."""
