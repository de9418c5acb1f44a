"""MJML: made HTML once, when a template is saved, so that no message pays for it and no value of a person is in it."""

import re

import mjml

from rules.errors import InvalidInput

ELEMENTS, TAGS = 400, 3_000
"""The compiler works by recursion and its overflow ends the process: from 1,000 wrappers or 8,000 plain tags within one
another on 8 MB of stack. All tags are counted, nested or not, so that no trick of nesting can hide one."""
SOURCE_LIMIT = 262_144
ELEMENT = re.compile(r"<mj", re.IGNORECASE)
TAG = re.compile(r"<[a-zA-Z]")
LEFT_OVER = re.compile(r"<(mj-[a-z-]+)", re.IGNORECASE)
REMEDY = "Correct the MJML: every tag closed, comparisons in Liquid with words or inside mj-raw, & as &amp;."


def compiled(name: str, source: str) -> str:
    """Give the HTML of a template's MJML, its Liquid untouched; raises InvalidInput."""
    if len(source) > SOURCE_LIMIT or len(ELEMENT.findall(source)) > ELEMENTS or len(TAG.findall(source)) > TAGS:
        raise InvalidInput(
            f"The MJML of the template {name} is too large.",
            remedy=f"Use at most {SOURCE_LIMIT} characters, {ELEMENTS} mj elements and {TAGS} tags.",
        )
    try:
        html = mjml.mjml2html(source)
    except ValueError as error:
        raise InvalidInput(f"The template {name} is no valid MJML: {error}.", remedy=REMEDY) from error
    unknown = LEFT_OVER.search(html)
    if unknown:
        raise InvalidInput(
            f"The template {name} uses {unknown[1]}, which MJML does not know here.",
            remedy="Use an element of mjml.io/documentation, inside the one it belongs to.",
        )
    return html
