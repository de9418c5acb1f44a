"""MJML: compiled to HTML once, when a template is saved, so sending costs nothing and no person's value is in it."""

import re

import mjml

from rules.errors import InvalidInput
from rules.faults import Fault

ELEMENTS, TAGS = 400, 3_000
"""The compiler is recursive, and overflowing its stack ends the whole process.

With 8 MB of stack that happens at 1,000 nested wrappers or 8,000 nested plain tags. All tags are counted, nested or
not, so that no trick of nesting can hide one.
"""
SOURCE_LIMIT = 262_144
ELEMENT = re.compile(r"<mj", re.IGNORECASE)
TAG = re.compile(r"<[a-zA-Z]")
LEFT_OVER = re.compile(r"<(mj-[a-z-]+)", re.IGNORECASE)
REMEDY = "Correct the MJML: every tag closed, comparisons in Liquid with words or inside mj-raw, & as &amp;."


def compiled(name: str, source: str, place: str = "") -> str:
    """Give the HTML of a template's MJML, with its Liquid unchanged; raises InvalidInput.

    `place` is where its language stands in the document, as in `translations.en.`.
    """
    where = f"{place}body_mjml"
    if len(source) > SOURCE_LIMIT or len(ELEMENT.findall(source)) > ELEMENTS or len(TAG.findall(source)) > TAGS:
        fault = Fault("template.mjml_too_large", where, {"name": name})
        remedy = f"Use at most {SOURCE_LIMIT} characters, {ELEMENTS} mj elements and {TAGS} tags."
        raise InvalidInput(fault.say().en, remedy=remedy, fault=fault)
    try:
        html = mjml.mjml2html(source)
    except ValueError as error:
        fault = Fault("template.no_mjml", where, {"name": name, "said": str(error)})
        raise InvalidInput(fault.say().en, remedy=REMEDY, fault=fault) from error
    unknown = LEFT_OVER.search(html)
    if unknown:
        fault = Fault("template.unknown_mjml", where, {"name": name, "tag": unknown[1]})
        remedy = "Use an element of mjml.io/documentation, inside the one it belongs to."
        raise InvalidInput(fault.say().en, remedy=remedy, fault=fault)
    return html
