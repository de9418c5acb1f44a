"""A question to a model, with tools and calls."""

from engine.think.contract import Call, Question, Tool

TOOLS = (
    Tool(
        "send_message",
        "Send it.",
        {
            "type": "object",
            "properties": {"channel": {"type": "string", "enum": ["email", "zalo_oa"]}, "template": {"type": "string"}},
            "required": ["channel", "template"],
        },
    ),
    Tool("do_nothing", "Send nothing.", {"type": "object", "properties": {}}),
)
CALLS = (
    Call("send_message", {"channel": "email", "template": "tet"}),
    Call("send_message", {"channel": "zalo_oa", "template": "tet"}),
    Call("do_nothing"),
)
QUESTION = Question(tools=TOOLS, instructions="Choose.", context='likes "tea"', calls=CALLS)
