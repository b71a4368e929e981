"""LINE's OpenAPI facts as JSON Schema: whether a request, an answer or a webhook is as LINE's.

Stricter than LINE's files: a name that no schema has is a mistake, as LINE would pass over it.
"""

from __future__ import annotations

import functools
import json
import re
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import jsonschema
import yaml

_FILE = Path(__file__).parent / "recorded" / "line" / "openapi.yaml"
_SCHEMAS = "#/components/schemas/"


@functools.cache
def document() -> dict[str, Any]:
    """Return the facts, with LINE's discriminators said in words of JSON Schema."""
    facts: dict[str, Any] = yaml.safe_load(_FILE.read_text())
    schemas = facts["components"]["schemas"]
    for name, schema in list(schemas.items()):
        if mapping := schema.pop("discriminator", {}).get("mapping"):
            schemas[f"{name}-base"] = schema
            schemas[name] = _one_of(mapping, schema)
    bases = {name.removesuffix("-base") for name in schemas if name.endswith("-base")}
    for schema in schemas.values():
        for part in schema.get("allOf", []):
            base = part.get("$ref", "").removeprefix(_SCHEMAS)
            if base in bases:
                part["$ref"] += "-base"
    for name, schema in schemas.items():
        if not name.endswith("-base") and (schema.get("properties") or "allOf" in schema):
            schema.setdefault("unevaluatedProperties", False)
    return facts


def _one_of(mapping: dict[str, str], base: dict[str, Any]) -> dict[str, Any]:
    """Return a schema by which the `type` says what else is there."""
    return {
        "type": "object",
        "required": ["type"],
        "properties": {"type": {"enum": sorted(mapping)}},
        "oneOf": [
            {"properties": {"type": {"const": each}}, "$ref": target}
            for each, target in mapping.items()
        ],
        "unevaluatedProperties": True,
    }


def mistakes(name: str, value: Any) -> list[str]:
    """Return what is wrong with a value of a schema, by the schema's name."""
    return _said({**document(), "$ref": f"{_SCHEMAS}{name}"}, value)


def operation(method: str, path: str) -> dict[str, Any]:
    """Return what LINE's files say of a call. Raises KeyError where they have none."""
    for template, methods in document()["paths"].items():
        if re.fullmatch(re.sub(r"\{[^}]+\}", "[^/]+", template), path):
            return dict(methods[method.lower()])
    raise KeyError(path)


def wrong_request(
    method: str, path: str, *, query: dict[str, str], headers: dict[str, str], body: bytes
) -> list[str]:
    """Return what is wrong with a request that was posted."""
    said = operation(method, path)
    lowered = {name.lower(): value for name, value in headers.items()}
    found, known = [], set()
    for each in said.get("parameters", []):
        given = {"query": query, "header": lowered, "path": {}}[each["in"]]
        name = each["name"].lower() if each["in"] == "header" else each["name"]
        known.add(name)
        if name in given:
            value: Any = given[name]
            if each["schema"]["type"] == "integer":
                value = int(value)
            found += _said(each["schema"], value)
        elif each["required"] and each["in"] != "path":
            found.append(f"{name} is missing")
    ours = {*query, *(name for name in lowered if name.startswith("x-"))}
    found += [f"LINE knows no {name} here" for name in sorted(ours - known)]
    if "requestBody" not in said:
        return [*found, *(["a body that LINE does not want"] if body else [])]
    [(kind, content)] = said["requestBody"]["content"].items()
    if lowered.get("content-type", "").split(";")[0] != kind:
        return [*found, f"the content type is not {kind}"]
    value = json.loads(body) if kind == "application/json" else dict(parse_qsl(body.decode()))
    return found + _said({**document(), **content["schema"]}, value)


def _said(schema: dict[str, Any], value: Any) -> list[str]:
    checker = jsonschema.FormatChecker()
    found = jsonschema.Draft202012Validator(schema, format_checker=checker).iter_errors(value)
    return [f"{error.json_path}: {error.message}" for error in found]
