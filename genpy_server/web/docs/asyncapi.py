"""The WebSocket as AsyncAPI 3.0, generated from the frame types."""

from typing import Any, get_args

from genpy_server import __version__
from genpy_server.web.docs.examples import example
from genpy_server.web.docs.schemas import components, reference, text_of
from genpy_server.wire import PROTOCOL, ClientFrame, Frame, ServerFrame

CLIENT_FRAMES: tuple[type[Frame], ...] = get_args(ClientFrame)
SERVER_FRAMES: tuple[type[Frame], ...] = get_args(ServerFrame)
ADDRESS = "/ws/session/{session}"


def tag(kind: type[Frame]) -> str:
    """The `type` of a frame."""
    return str(kind.__struct_config__.tag)


def asyncapi() -> dict[str, Any]:
    """The whole document."""
    kinds = (*CLIENT_FRAMES, *SERVER_FRAMES)
    channel = "#/channels/session"
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "GenPy",
            "version": __version__,
            "description": f"One conversation over a WebSocket with the subprotocol {PROTOCOL}. "
            "Without a subprotocol a text frame is a message, and the reply is plain text.",
        },
        "defaultContentType": "application/json",
        "servers": {"here": {"host": "127.0.0.1:8001", "protocol": "ws"}},
        "channels": {
            "session": {
                "address": ADDRESS,
                "parameters": {"session": {"description": "A UUID, or a name."}},
                "bindings": {"ws": {"method": "GET", "query": _query()}},
                "messages": {tag(k): {"$ref": f"#/components/messages/{tag(k)}"} for k in kinds},
            }
        },
        "operations": {
            "say": {
                "action": "receive",
                "summary": "What a client sends.",
                "channel": {"$ref": channel},
                "messages": [{"$ref": f"{channel}/messages/{tag(k)}"} for k in CLIENT_FRAMES],
            },
            "hear": {
                "action": "send",
                "summary": "What the server sends.",
                "channel": {"$ref": channel},
                "messages": [{"$ref": f"{channel}/messages/{tag(k)}"} for k in SERVER_FRAMES],
            },
        },
        "components": {
            "messages": {tag(kind): _message(kind) for kind in kinds},
            "schemas": components(kinds),
        },
    }


def _message(kind: type[Frame]) -> dict[str, Any]:
    return {
        "name": tag(kind),
        "summary": text_of(kind).partition("\n")[0],
        "payload": reference(kind),
        "examples": [{"name": tag(kind), "payload": example(kind)}],
    }


def _query() -> dict[str, Any]:
    return {
        "type": "object",
        "properties": {
            "epoch": {"type": "string", "description": "`epoch` of the last `ready`."},
            "after": {"type": "integer", "description": "The last `seq` that was received."},
            "features": {
                "type": "string",
                "description": "Features, separated by commas: `html` adds safe HTML, "
                "`approvals` expects answers to approval requests.",
            },
            "allow": {
                "type": "string",
                "description": "Names of tools that may act without a request, separated by commas.",
            },
            "history": {"type": "integer", "description": "Most stored messages to send."},
        },
    }
