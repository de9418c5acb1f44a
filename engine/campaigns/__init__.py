"""Campaigns and what they consist of: channels, templates, policies, campaigns, and their runs."""

from channels.content import Content
from engine.campaigns.connect import (
    Channel,
    ask_for_token,
    connect_channel,
    list_channels,
    pause_channel,
    resume_channel,
)
from engine.campaigns.content import (
    Policy,
    Template,
    approve_template,
    get_template,
    list_contents,
    list_templates,
    save_policy,
    save_template,
)
from engine.campaigns.names import Name, list_names
from engine.campaigns.plan import Campaign, get_campaign, id_of_campaign, list_campaigns, save_campaign
from engine.campaigns.preview import Preview, Tried, preview_draft, preview_template
from engine.campaigns.runs import (
    Activated,
    Run,
    RunFigures,
    activate_campaign,
    cancel_campaign,
    list_runs,
    pause_campaign,
    resume_campaign,
    start_run,
)
from engine.campaigns.trial import Trial, send_trial

__all__ = [
    "Activated",
    "Campaign",
    "Channel",
    "Content",
    "Name",
    "Policy",
    "Preview",
    "Run",
    "RunFigures",
    "Template",
    "Trial",
    "Tried",
    "activate_campaign",
    "approve_template",
    "ask_for_token",
    "cancel_campaign",
    "connect_channel",
    "get_campaign",
    "get_template",
    "id_of_campaign",
    "list_campaigns",
    "list_channels",
    "list_contents",
    "list_names",
    "list_runs",
    "list_templates",
    "pause_campaign",
    "pause_channel",
    "preview_draft",
    "preview_template",
    "resume_campaign",
    "resume_channel",
    "save_campaign",
    "save_policy",
    "save_template",
    "send_trial",
    "start_run",
]
