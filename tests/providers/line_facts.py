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
    """Return the facts, with what LINE says by discriminators and parents said plainly."""
    facts: dict[str, Any] = yaml.safe_load(_FILE.read_text())
    schemas = facts["components"]["schemas"]
    parents = dict(schemas)
    for name, schema in parents.items():
        if mapping := schema.get("discriminator", {}).get("mapping"):
            schemas[name] = _by_type(mapping)
        else:
            schemas[name] = _whole(schema, parents)
    return facts


def _by_type(mapping: dict[str, str]) -> dict[str, Any]:
    """Return a schema by which the `type` says what else is there."""
    return {
        "type": "object",
        "required": ["type"],
        "properties": {"type": {"enum": sorted(mapping)}},
        "allOf": [
            {
                "if": {"required": ["type"], "properties": {"type": {"const": each}}},
                "then": {"$ref": target},
            }
            for each, target in mapping.items()
        ],
    }


def _whole(schema: dict[str, Any], schemas: dict[str, Any]) -> dict[str, Any]:
    """Return a schema with all that its parents have, and nothing else allowed."""
    whole = {key: value for key, value in schema.items() if key not in ("allOf", "discriminator")}
    for part in schema.get("allOf", []):
        parent = part
        if "$ref" in part:
            parent = _whole(schemas[part["$ref"].removeprefix(_SCHEMAS)], schemas)
        whole["properties"] = {**parent.get("properties", {}), **whole.get("properties", {})}
        whole["required"] = [*whole.get("required", []), *parent.get("required", [])]
    if whole.get("properties"):
        whole.setdefault("additionalProperties", False)
    return whole


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
