"""get_session_stats: counts of the messages of this conversation."""

import msgspec

from genpy_server.core.display import count
from genpy_server.core.metrics import duration, statistics
from genpy_server.tools.base import Tool, ToolContext, ToolResult, short_date, spec


class StatisticsArguments(msgspec.Struct, forbid_unknown_fields=True):
    """No arguments: it is about the current conversation."""


async def ask(context: ToolContext, _: StatisticsArguments) -> ToolResult:
    """Counts over all messages of the session, the asking one included."""
    metrics = await context.store.metrics(context.user_id, context.session_id)
    data = {
        "messages": metrics.messages,
        "from_the_person": metrics.user_messages,
        "from_the_assistant": metrics.assistant_messages,
        "words_of_the_person": metrics.user_words,
        "words_of_the_assistant": metrics.assistant_words,
        "first_at": metrics.first_at and short_date(metrics.first_at),
        "last_at": metrics.last_at and short_date(metrics.last_at),
        "duration": duration(metrics.duration_seconds),
        "tools": metrics.tools,
    }
    lead = (
        f"This conversation has {count(metrics.messages, 'message')}: {metrics.user_messages:,} "
        f"from you and {metrics.assistant_messages:,} from the assistant."
    )
    rows = "\n".join(f"| {name} | {value} |" for name, value in statistics(metrics))
    return ToolResult(data, f"{lead}\n\n| This conversation | |\n| --- | --- |\n{rows}")


TOOL = Tool(
    spec(
        "get_session_stats",
        "Statistics of the current conversation: messages and words by role, first and last "
        "message, duration, tools used. Use it when the person asks how long, how many or how much "
        "of this very conversation.",
        StatisticsArguments,
    ),
    StatisticsArguments,
    ask,
    reads_only=True,
)
