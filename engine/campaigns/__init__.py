"""Campaigns and what they are made of: channels, templates, policies, campaigns, and their runs."""

from engine.campaigns.connect import Channel, connect_channel, list_channels, pause_channel, resume_channel
from engine.campaigns.content import (
    Policy,
    Template,
    approve_template,
    get_template,
    list_templates,
    save_policy,
    save_template,
)
from engine.campaigns.plan import Campaign, get_campaign, list_campaigns, save_campaign
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

__all__ = [
    "Activated",
    "Campaign",
    "Channel",
    "Policy",
    "Run",
    "RunFigures",
    "Template",
    "activate_campaign",
    "approve_template",
    "cancel_campaign",
    "connect_channel",
    "get_campaign",
    "get_template",
    "list_campaigns",
    "list_channels",
    "list_runs",
    "list_templates",
    "pause_campaign",
    "pause_channel",
    "resume_campaign",
    "resume_channel",
    "save_campaign",
    "save_policy",
    "save_template",
    "start_run",
]
