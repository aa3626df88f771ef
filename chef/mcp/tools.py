"""The tools of this server as the protocol describes them, and how one is called."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import msgspec

from chef.access.principals import Principal
from chef.errors import ChefError
from chef.mcp.rpc import INVALID_PARAMS, RpcError
from chef.services import Services

Arguments = TypeVar("Arguments", bound=msgspec.Struct)

JSON_SCHEMA = "https://json-schema.org/draft/2020-12/schema"


@dataclass(frozen=True, slots=True)
class AgentCall:
    """An agent's call of a tool: its rights, of which `writer` raises where it may not write.

    `origin` is this server as the agent calls it.
    """

    chef: Services
    reader: Principal
    writer: Callable[[], Principal]
    origin: str


@dataclass(frozen=True, slots=True)
class ToolResult:
    """The result of a call: text for a model, and the same as a value where a tool has a schema for it."""

    text: str
    value: msgspec.Struct | None = None


@dataclass(frozen=True, slots=True)
class UntilEnd:
    """A call that is answered at the end of a job, or after some seconds."""

    job_id: str
    seconds: int
    outcome: Callable[[Any], ToolResult]


@dataclass(frozen=True, slots=True)
class Tool(Generic[Arguments]):
    """A tool: its name and words for a model, the types of its arguments and of its value, what it does."""

    name: str
    title: str
    description: str
    arguments: type[Arguments]
    run: Callable[[AgentCall, Arguments], ToolResult | UntilEnd]
    value: type[msgspec.Struct] | None = None
    writes: bool = False

    def described(self) -> dict[str, Any]:
        """The tool as `tools/list` shows it."""
        found: dict[str, Any] = {
            "name": self.name,
            "title": self.title,
            "description": self.description,
            "inputSchema": _schema(self.arguments),
            "annotations": {
                "title": self.title,
                "readOnlyHint": not self.writes,
                "destructiveHint": False,
                "idempotentHint": not self.writes,
                # What builds write comes from outside.
                "openWorldHint": True,
            },
        }
        return found if self.value is None else found | {"outputSchema": _schema(self.value)}

    def call(self, caller: AgentCall, arguments: object) -> ToolResult | UntilEnd:
        """Call it. Raises ChefError for what the agent can put right."""
        try:
            given = msgspec.convert(arguments, self.arguments)
        except msgspec.ValidationError as error:
            raise WrongArguments(str(error).replace("`$.", "`")) from None
        return self.run(caller, given)


class WrongArguments(ChefError):
    """The arguments of a tool do not fit its schema."""

    code, status, title = "invalid", 422, "Invalid"


def _schema(kind: type[msgspec.Struct]) -> dict[str, Any]:
    """The JSON Schema of a Struct, an object at its root as the protocol wants it."""
    (root,), parts = msgspec.json.schema_components([kind], ref_template="#/$defs/{name}")
    own = parts.pop(root["$ref"].rpartition("/")[2])
    return {"$schema": JSON_SCHEMA, **own, **({"$defs": parts} if parts else {})}


def find_tool(tools: Sequence[Tool[Any]], params: dict[str, Any]) -> tuple[Tool[Any], object]:
    """The tool that a call names, and its arguments. Raises RpcError for one that there is not."""
    name = params.get("name")
    found = next((tool for tool in tools if tool.name == name), None)
    if found is None:
        raise RpcError(INVALID_PARAMS, f"Unknown tool: {str(name)[:100]}", 200)
    arguments = params.get("arguments")
    return found, {} if arguments is None else arguments


def tool_result(outcome: ToolResult) -> dict[str, Any]:
    """A result as the protocol has it."""
    result: dict[str, Any] = {"content": [{"type": "text", "text": outcome.text}], "isError": False}
    if outcome.value is not None:
        result["structuredContent"] = msgspec.to_builtins(outcome.value)
    return result


def tool_refusal(error: ChefError) -> dict[str, Any]:
    """A refusal that tells the agent what to put right."""
    faults = "".join(f"\n- {one.field}: {one.message}" for one in error.errors if one.field)
    return {"content": [{"type": "text", "text": f"{error.detail}{faults}"}], "isError": True}
