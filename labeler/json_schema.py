"""The JSON Schema of rule files, made from their pydantic models: completion, help and checking in editors.

It never flags what `labeler.rules` accepts.  There every scalar is a string, while an editor's YAML reader makes
numbers and booleans of some, so a string is "anything that is no list or mapping"; and a key left empty is a key left
out.  ruleset.yaml and the other files share one schema, told apart by the keys that only ruleset.yaml has: the schema
can then lie beside the rules as one file, named in the first line of each.
"""

from __future__ import annotations

import json
from typing import Any

from pydantic.json_schema import GenerateJsonSchema, models_json_schema
from pydantic_core import core_schema

from labeler.schema import KINDS, Document, RuleSetInfo

NAME = ".schema.json"  # beside the rules
MODELINE = f"# yaml-language-server: $schema={NAME}"
_WORDS_FOR_BOOLEANS = ("true", "t", "yes", "y", "on", "1", "false", "f", "no", "n", "off", "0")


def rule_file_schema() -> dict[str, Any]:
    """JSON Schema (draft 2020-12) of every YAML file of a rule set."""
    _, shared = models_json_schema(
        [(RuleSetInfo, "validation"), (Document, "validation")], schema_generator=_EditorSchema
    )
    only_in_ruleset = [name for name in RuleSetInfo.model_fields if name not in KINDS]
    return {
        "$schema": GenerateJsonSchema.schema_dialect,
        "title": "vnlabel rule file",
        "description": "A file of a vnlabel rule set: ruleset.yaml, or any file with lists of rules.",
        "if": {"type": "object", "anyOf": [{"required": [name]} for name in only_in_ruleset]},
        "then": {"$ref": "#/$defs/RuleSetInfo"},
        "else": {"$ref": "#/$defs/Document"},
        "$defs": shared["$defs"],
    }


def rule_file_schema_text() -> str:
    """The schema as it is written to a file."""
    return json.dumps(rule_file_schema(), ensure_ascii=False, indent=1) + "\n"


class _EditorSchema(GenerateJsonSchema):
    def str_schema(self, schema: core_schema.StringSchema) -> dict[str, Any]:
        """Any scalar; `not` rather than a list of types, from which editors would propose true, false and null."""
        found = super().str_schema(schema)
        del found["type"]
        return {"not": {"type": ["object", "array", "null"]}, **found}

    def bool_schema(self, schema: core_schema.BoolSchema) -> dict[str, Any]:
        """true or false, or one of the words that are read so."""
        words = "|".join("".join(f"[{c}{c.upper()}]" if c.isalpha() else c for c in w) for w in _WORDS_FOR_BOOLEANS)
        return {
            "anyOf": [
                {"type": "boolean"},
                {"type": "integer", "minimum": 0, "maximum": 1},
                {"type": "string", "pattern": f"^({words})$"},
            ]
        }

    def float_schema(self, schema: core_schema.FloatSchema) -> dict[str, Any]:
        """A number, or one in quotes."""
        return {"anyOf": [{"type": "number"}, {"type": "string", "pattern": r"^\s*[-+]?[\d._]+([eE][-+]?\d+)?\s*$"}]}

    def model_schema(self, schema: core_schema.ModelSchema) -> dict[str, Any]:
        """A mapping in which what may be left out may be left empty, too."""
        found = super().model_schema(schema)
        required = found.get("required", ())
        for name, key in found["properties"].items():
            key.pop("title", None)
            if not key.get("default"):
                key.pop("default", None)  # editors would write it out
            if name not in required:
                found["properties"][name] = _or_empty(key)
        if schema["cls"] is Document:
            found["type"] = ["object", "null"]
        return found


def _or_empty(key: dict[str, Any]) -> dict[str, Any]:
    if "not" in key:
        return {**key, "not": {"type": ["object", "array"]}}
    if "anyOf" in key:
        choices = [choice for choice in key.pop("anyOf") if choice != {"type": "null"}]
        return {**_or_empty(choices[0]), **key} if len(choices) == 1 else {"anyOf": [*choices, {"type": "null"}], **key}
    if "enum" in key:
        return {"anyOf": [{"enum": key.pop("enum"), "type": key.pop("type")}, {"type": "null"}], **key}
    if "$ref" in key:
        return {"anyOf": [{"$ref": key.pop("$ref")}, {"type": "null"}], **key}
    return {**key, "type": [key["type"], "null"]} if isinstance(key.get("type"), str) else key
