"""What a message asks for: its intent, a tool request, the words and days it names.

Rules and small linear models; nothing here knows sessions, stores or language models.
"""

from genpy_server.core.understanding.intents import Intent, detect_intent
from genpy_server.core.understanding.tool_requests import ToolRequest, find_tool_request

__all__ = ["Intent", "ToolRequest", "detect_intent", "find_tool_request"]
