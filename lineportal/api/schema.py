"""The OpenAPI document: every operation also has the refusals of `errors`, in their one shape."""

from __future__ import annotations

from typing import Any

REFUSALS = {
    "400": "invalid: something in the request cannot be used; `fields` says what.",
    "401": "unauthenticated: no key, or one that is unknown or revoked.",
    "403": "forbidden: the scopes or permissions do not allow it. four_eyes: it is your own.",
    "404": "not_found: there is no such thing, or not for this key.",
    "409": "wrong_state, exists or key_reused: what is there already does not allow it.",
    "413": "too_large: the body is over its limit.",
    "415": "unsupported_media_type: send JSON, or the form that the operation names.",
    "422": "excluded: the rules say no; kept as a skipped message.",
    "429": "too_many_requests: wait as long as the header says.",
}
_ERROR = {
    "type": "object",
    "required": ["error", "detail"],
    "properties": {
        "error": {"type": "string", "description": "A stable code."},
        "detail": {"type": "string", "description": "A sentence for people."},
        "fields": {"type": "object", "additionalProperties": {"type": "string"}},
    },
}
_EXCLUDED = {
    "allOf": [
        {"$ref": "#/components/schemas/Error"},
        {
            "type": "object",
            "required": ["verdict", "rule", "id"],
            "properties": {
                "verdict": {"type": "string"},
                "rule": {"type": "string"},
                "id": {"type": "integer"},
            },
        },
    ]
}


def with_refusals(result: dict[str, Any], **_generator: Any) -> dict[str, Any]:
    """Return the document with the refusals added to each operation under /api/v1/."""
    schemas = result["components"]["schemas"]
    schemas["Error"], schemas["Excluded"] = _ERROR, _EXCLUDED
    for path, operations in result["paths"].items():
        if not path.startswith("/api/v1/"):
            continue
        for method, operation in operations.items():
            for status, words in REFUSALS.items():
                if status in _possible(path, method):
                    operation["responses"].setdefault(status, _refusal(status, words))
    return result


def _possible(path: str, method: str) -> set[str]:
    statuses = {"400", "401", "403", "404", "429"}
    if method in ("post", "patch", "delete"):
        statuses |= {"409", "413", "415"}
    if path == "/api/v1/messages/" and method == "post":
        statuses.add("422")
    return statuses


def _refusal(status: str, words: str) -> dict[str, Any]:
    name = "Excluded" if status == "422" else "Error"
    content = {"application/json": {"schema": {"$ref": f"#/components/schemas/{name}"}}}
    refusal: dict[str, Any] = {"description": words, "content": content}
    if status == "429":
        refusal["headers"] = {
            "Retry-After": {"schema": {"type": "integer"}, "description": "seconds"}
        }
    return refusal
