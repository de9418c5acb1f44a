"""One person as a marketer or an auditor looks at them: search, time line, and what is allowed right now."""

from engine.journey.allowed import Allowed, allowed
from engine.journey.message import Message, message
from engine.journey.search import Found, search
from engine.journey.timeline import Entry, Timeline, timeline

__all__ = ["Allowed", "Entry", "Found", "Message", "Timeline", "allowed", "message", "search", "timeline"]
