"""What model services call the parts of their JSON: a table for each part, the best name first.

Chat completions, Anthropic's messages, OpenAI's responses, Gemini, Cohere, Bedrock, Ollama, llama.cpp
and others nest their values differently, but name them alike.
"""

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from genpy_server.core.patterns import Phrases

PHRASES = Phrases(Path(__file__).with_name("phrases.txt"))
"""What services and models write."""


def _names(text: str) -> tuple[str, ...]:
    return tuple(text.split())


# Replies

TEXTS = _names(
    "delta content text parts refusal token response output completion generation generated_text"
    " outputText answer value transcript"
)
"""Fields that may be or contain text; the first one with any content is read."""
HOLDERS = _names(
    "message candidates content_block contentBlockDelta contentBlockStart messageStop start part"
    " item result results data audio"
)
"""Fields whose value contains one of those; a string in them is not text."""
REASONING = _names(
    "reasoning_content reasoning thinking reasoning_text reasoning_details reasoningContent"
    " reasoningText tool_plan thinking_blocks thought"
)
WRAPPERS = _names("data result response chunk output body")
"""Fields that may contain the whole chunk or error."""
REPEATING = _names("message output")
"""Fields with either the whole reply so far or only its new part, depending on the service."""
ENDED = _names("done stop is_finished")
"""Fields that are true at the end of a reply."""
REASONS = _names(
    "finish_reason stop_reason done_reason finishReason stopReason stop_type completionReason"
)
NOISE = _names("ping heartbeat keepalive keep-alive keep_alive processing")
"""Types of events without content."""

# Tool calls

CALLS = _names("tool_calls tool_call function_call functionCall toolUse")
CALL_KINDS = _names("tool_use tool_call function_call input_json_delta")
"""Types of a value that is a call."""
CALL_IDS = _names("call_id toolUseId id")
CALL_NAMES = _names("name tool tool_name function_name action")
ARGUMENTS = _names("arguments parameters input args params action_input partial_json")
CALL_PARTS = (
    *CALL_NAMES,
    *_names("function function_call tool_call tool_calls type id thought"),
    *ARGUMENTS,
)

# Usage; names of counts are in lower case without underscores

PROMPT_TOKENS = _names(
    "inputtexttokencount inputtokens promptevalcount prompttokencount prompttokens tokensevaluated"
    " promptn"
)
COMPLETION_TOKENS = _names(
    "candidatestokencount completiontokens evalcount generationtokencount outputtokens"
    " tokenspredicted totaloutputtexttokencount predictedn"
)
CACHED_TOKENS = _names("cachedtokens cachereadinputtokens promptcachehittokens cachen")
COUNTED = _names(
    "timings billed_units usage usageMetadata usage_metadata metadata meta tokens message response result delta"
)
"""Fields that contain counts."""

# Errors; in lower case without separators, as `plain` gives them

FAILURES = _names("error errors detail err exception fault errormessage errormsg errmsg")
STATES = _names("code status statuscode msg message error type success")
"""Fields that say whether a request succeeded."""
MESSAGES = _names("message msg errormessage errormsg errmsg")
"""Fields that may report an error in words."""
ERROR_TEXTS = _names(
    "message msg detail error errordescription errormsg errormessage errmsg err reason description"
    " cause explanation hint info statustext"
)
MORE_ERROR_TEXTS = _names(
    "errors title invalidparams raw metadata details data statusmessage statusmsg exception fault"
    " faultstring string baseresp response output innererror responsemetadata headers issues"
    " fieldviolations"
)
ERROR_CODES = _names("code type status errorcode errortype")
ERROR_NUMBERS = _names("statuscode status code httpstatus")
ERROR_FIELDS = _names("param field loc name path keys instancepath")
"""Fields that name a field of the request."""
WAITS = _names("retryafter retrydelay estimatedtime retryafterseconds xratelimitreset")
WAITS_MS = _names("retryafterms")

# Lists of models

MODELS = _names("data models result results items list model_list")
MODEL_IDS = _names("id model name model_name key model_id slug")
MODEL_KINDS = _names("type task kind mode model_type pipeline_tag")
CHAT_FLAGS = _names("completion_chat chat_completion supports_chat")
"""Fields that are true for models that can chat."""
CHAT_LISTS = {
    "endpoints": "chat",
    "supportedGenerationMethods": "generateContent",
    "output_modalities": "text",
    "supported_output_modalities": "text",
}
"""Fields with a list that has this value for models that can chat."""
WINDOWS = _names(
    "loadedcontextlength contextwindow contextlength maxmodellen maxcontextlength inputtokenlimit"
    " maxinputtokens contextsize maxcontexttokens nctx maxcontextwindow maxsequencelength maxseqlen"
    " availablecontexttokens nctxtrain"
)
"""Fields with the context window, as `plain` names them."""
ABILITIES = _names("capabilities supported_parameters features input_modalities tags")


def plain(value: Mapping[str, Any]) -> dict[str, Any]:
    """An object by the names of its fields in lower case without separators."""
    found: dict[str, Any] = {}
    for name, held in value.items():
        found.setdefault(re.sub(r"[_-]", "", str(name)).lower(), held)
    return found


def first(value: Mapping[str, Any], names: Iterable[str]) -> Any:
    """The first of these fields that is not empty; None if all are."""
    return next((value[name] for name in names if value.get(name)), None)
