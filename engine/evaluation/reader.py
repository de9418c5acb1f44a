"""The model that is measured, by the name that the command line has for it, behind the gateway that tasks use."""

from engine.settings import Settings
from engine.think.gateway import Gateway
from engine.think.models import build
from rules.errors import InvalidInput, Misconfigured
from rules.words import Arbiter

_MODELS = (Arbiter.FUNCTIONGEMMA, Arbiter.GEMINI)


def reader_named(settings: Settings, name: str, *, at_once: int) -> Gateway:
    """Give functiongemma, gemini, or one of Gemini's models by its own name. Close it at the end.

    Raises InvalidInput where there is no such name, Misconfigured where it is not configured.
    """
    if name in _MODELS:
        arbiter, chosen = Arbiter(name), settings
    elif name.startswith(("gemini-", "gemma-")):
        arbiter = Arbiter.GEMINI
        chosen = Settings.load(**{**settings.model_dump(), "gemini_model": name})
    else:
        raise InvalidInput(
            f"There is no model {name[:100]!r}.",
            remedy=f"Name {', '.join(_MODELS)} or a model such as gemini-3.5-flash.",
        )
    model = build(chosen).models.get(arbiter)
    if model is None:
        raise Misconfigured(f"No {arbiter} is configured.", remedy="See docs/models.md.")
    return Gateway({arbiter: model}, at_once=at_once)
