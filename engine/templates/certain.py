"""What a template cannot be rendered without: values that it prints unconditionally and without a default."""

from functools import lru_cache

from liquid.builtin.expressions import FilteredExpression, Path
from liquid.builtin.output import OutputNode
from liquid.exceptions import LiquidError, UndefinedError

from engine.templates.liquid import CACHE, FILTER_FAILURES, ROOTS, Bodies, compile_source, dotted, sources


def certain(bodies: Bodies) -> set[str]:
    """Give the names, such as {"profile.tier"}; those under a condition or in a loop are left out.

    Raises InvalidInput or LiquidError for what `check` refuses.
    """
    return {name for one in sources(bodies) for name in _printed(one.text, one.is_html)}


@lru_cache(maxsize=CACHE)
def _printed(source: str, is_html: bool) -> frozenset[str]:  # noqa: FBT001 - a cache key
    template = compile_source(source, is_html)
    shown = (node.expression for node in template.nodes if isinstance(node, OutputNode))
    lefts = (
        one.left
        for one in shown
        if isinstance(one, FilteredExpression) and (not one.filters or _is_strict(one.filters[0].name))
    )
    paths = {dotted(left.path) for left in lefts if isinstance(left, Path)}
    return frozenset(path for path in paths if path.partition(".")[0] in ROOTS - template.analyze().locals.keys())


@lru_cache(maxsize=CACHE)
def _is_strict(name: str) -> bool:
    """Whether a filter refuses a missing value: arithmetic takes it for 0, and `default` exists for it."""
    try:
        compile_source(f"{{{{ profile.x | {name} }}}}", False).render({"profile": {}})
    except UndefinedError:
        return True
    except (LiquidError, *FILTER_FAILURES):
        return False
    return False
