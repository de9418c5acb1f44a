"""How long the console's pages take in a browser: the first paint, a person's journey, a node expanded."""

import json
import random
from collections.abc import Sequence
from uuid import uuid4

from engine.bench import Bar, Place, Result, browser, percentile, site, trace
from engine.tenants import Scope, create_api_key
from rules.errors import Misconfigured

DELIVERIES = 100_000
SAMPLES = 40
WARM_UP = 2
MOST_FIRST_PAINT_MS = 1_000.0
MOST_JOURNEY_MS = 300.0
MOST_EXPAND_MS = 100.0
SEED = 20_262
# Looks at each frame until something is visible; the times are the page's own.
_UNTIL = """
const until = (find) => new Promise((done, fail) => {
  const end = performance.now() + 20000;
  const look = () => {
    const found = find();
    if (found) done(found);
    else if (performance.now() > end) fail(new Error(`waited for ${find}`));
    else requestAnimationFrame(look);
  };
  look();
});
"""
_PAINTED = """(async () => {
  await until(() => location.protocol.startsWith("http") && document.readyState === "complete");
  if (!document.querySelector("#app")) return null;
  await until(() => document.querySelector("main h1"));
  return (await until(() => performance.getEntriesByName("first-contentful-paint")[0])).startTime;
})()"""
_JOURNEY = """(async (key, name) => {
  const began = performance.now();
  location.hash = `#/people/${key}`;
  await until(() => document.querySelector("main h1")?.textContent === name && document.querySelector(".entry"));
  return performance.now() - began;
})"""
_EXPANDED = """(async (key) => {
  await until(() => document.querySelector("#parameter-who"));
  const field = document.querySelector("#parameter-who");
  field.value = key;
  field.dispatchEvent(new Event("input"));
  document.querySelector(".answer")?.remove();
  document.querySelector("button.main:not([type=submit])").click();
  await until(() => document.querySelector("#node-list option:nth-child(2)"));
  const list = document.querySelector("#node-list");
  list.selectedIndex = 1;
  list.dispatchEvent(new Event("change"));
  document.querySelector(".detail button").click();
  const box = await until(() => document.querySelector(".picture[data-expand-ms]"));
  return Number(box.dataset.expandMs);
})"""
_OPEN_EXPLORER = """(async (part) => {
  location.hash = `#/explorer?q=${btoa(part).replaceAll("=", "")}`;
  await until(() => document.querySelector("#parameter-who"));
})"""
_QUERY = "MATCH (p:Profile) WHERE p.ext_id = $who RETURN p"


async def run(place: Place, *, n: int | None = None) -> Result:
    """Time the console on a tenant with `n` (100,000) deliveries, at the 95th percentile, in milliseconds."""
    deliveries = max(trace.JOURNEYS * SAMPLES * 2, n or DELIVERIES)
    people = deliveries // trace.JOURNEYS
    chance = random.Random(SEED)  # noqa: S311 - whose page it is, no secret
    asked = [chance.randint(1, people) for _ in range(WARM_UP + SAMPLES)]
    async with site.opened(place) as opened:
        tenant_id = uuid4()
        place.say(f"writing {deliveries:,} deliveries")
        await trace.begin(opened.db, tenant_id)
        await trace.fill(opened.db, tenant_id, first=1, last=people)
        trace.vacuum(place.admin_url)
        async with opened.db.transaction(tenant_id) as conn:
            key = await create_api_key(conn, tenant_id=tenant_id, name="bench", scopes=[Scope.READ])
        url = await opened.start_api()
        place.say("looking at pages")
        async with browser.opened() as page:
            await page.call("Page.enable")
            await page.call("Network.enable")
            before = f"{_UNTIL} sessionStorage.setItem('leo.key', {json.dumps(key.secret)});"
            await page.call("Page.addScriptToEvaluateOnNewDocument", source=before)
            paints = [await _first_paint(page, url) for _ in range(WARM_UP + SAMPLES)]
            journeys = [await page.evaluate(f"{_JOURNEY}({_whose(one)})") for one in asked]
            await page.evaluate(f"{_OPEN_EXPLORER}({json.dumps(json.dumps({'query': _QUERY, 'parameters': {}}))})")
            expansions = [await page.evaluate(f"{_EXPANDED}({json.dumps(f'customer-{one}')})") for one in asked]
    return _result(deliveries, paints, journeys, expansions)


async def _first_paint(page: browser.Page, url: str) -> float:
    """Load the console as if for the first time; give when something was visible.

    Raises Misconfigured if it is not built.
    """
    await page.call("Network.clearBrowserCache")
    await page.call("Page.navigate", url="about:blank")
    await page.call("Page.navigate", url=f"{url}/#/people")
    painted = await page.evaluate(_PAINTED)
    if painted is None:
        raise Misconfigured("The console has not been built.", remedy="Run make console, then this again.")
    return float(painted)


def _whose(number: int) -> str:
    return f"{json.dumps(f'customer-{number}')}, {json.dumps(f'Customer {number}')}"


def _result(deliveries: int, paints: Sequence[float], journeys: Sequence[float], expansions: Sequence[float]) -> Result:
    first_paint, journey, expand = (percentile(sorted(times[WARM_UP:]), 95) for times in (paints, journeys, expansions))
    return Result(
        name="pages",
        n=deliveries,
        figures={"first_paint_ms": first_paint, "journey_ms": journey, "expand_ms": expand},
        baseline=f"the {MOST_JOURNEY_MS:g} ms that a journey may take",
        ratio=journey / MOST_JOURNEY_MS,
        bars=(
            Bar(f"first paint in {MOST_FIRST_PAINT_MS:g} ms: {first_paint:.0f}", first_paint <= MOST_FIRST_PAINT_MS),
            Bar(f"a journey within {MOST_JOURNEY_MS:g} ms: {journey:.0f}", journey <= MOST_JOURNEY_MS),
            Bar(f"a node expanded within {MOST_EXPAND_MS:g} ms: {expand:.0f}", expand <= MOST_EXPAND_MS),
        ),
    )
