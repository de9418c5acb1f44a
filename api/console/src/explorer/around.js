// Where new nodes go: on rings around the one they belong to, into what room is left; nobody who is there is moved.
export const WIDE = 96;
export const HIGH = 66;
const FIRST_RING = 118;
const BETWEEN_RINGS = 74;
const MOST_RINGS = 14;
// How much farther out the rings may begin, so that a node in a crowd gets its own beside the crowd.
const AWAY = [0, 160, 320, 520, 760];
const ENOUGH = 0.5;

/** Give a test whether a node would stand on another: a grid of cells as large as a node with its name. */
function roomOf(taken) {
  const cell = (x, y) => `${Math.floor(x / WIDE)}:${Math.floor(y / HIGH)}`;
  const cells = new Map();
  const add = (point) => {
    const key = cell(point.x, point.y);
    if (cells.has(key)) cells.get(key).push(point);
    else cells.set(key, [point]);
  };
  taken.forEach(add);
  const isFree = (point) => {
    for (const dx of [-WIDE, 0, WIDE]) {
      for (const dy of [-HIGH, 0, HIGH]) {
        const others = cells.get(cell(point.x + dx, point.y + dy)) ?? [];
        if (others.some((other) => Math.abs(other.x - point.x) < WIDE && Math.abs(other.y - point.y) < HIGH)) return false;
      }
    }
    return true;
  };
  return { isFree, add };
}

/** Give places on rings around a point, the nearest ring first, each ring beginning in the given direction. */
function* rings(center, direction, wanted) {
  for (let ring = 0; ring < MOST_RINGS; ring += 1) {
    const reach = FIRST_RING + BETWEEN_RINGS * ring;
    const most = Math.floor((2 * Math.PI * reach) / WIDE);
    // A few stand evenly all around.
    const count = ring ? most : Math.min(most, Math.max(4, wanted + 1));
    for (let place = 0; place < count; place += 1) {
      // Both sides of the direction in turn.
      const turn = (place % 2 ? 1 : -1) * Math.ceil(place / 2) * ((2 * Math.PI) / count);
      yield { x: center.x + 1.15 * reach * Math.cos(direction + turn), y: center.y + 0.85 * reach * Math.sin(direction + turn), ring, turn };
    }
  }
}

function found(center, direction, taken, count) {
  const room = roomOf(taken);
  const places = [];
  let looked = 0;
  for (const place of rings(center, direction, count)) {
    looked += 1;
    if (room.isFree(place)) {
      places.push(place);
      room.add(place);
    }
    if (places.length === count) break;
  }
  return { places, share: places.length / Math.max(1, looked) };
}

/** Give `count` places around `center`, neighbours on a ring side by side, away from the points that are `taken` (which hold the center too). */
export function placesAround(center, taken, count) {
  const others = taken.filter((point) => point.x !== center.x || point.y !== center.y);
  const middle = others.length
    ? { x: others.reduce((sum, point) => sum + point.x, 0) / others.length, y: others.reduce((sum, point) => sum + point.y, 0) / others.length }
    : { x: center.x - 1, y: center.y };
  const direction = Math.atan2(center.y - middle.y, center.x - middle.x);
  let best = null;
  for (const away of AWAY) {
    const from = { x: center.x + away * Math.cos(direction), y: center.y + away * Math.sin(direction) };
    const tried = found(from, direction, taken, count);
    if (tried.places.length === count && (!best || tried.share > best.share + 0.1)) best = tried;
    if (best && best.share >= ENOUGH) break;
  }
  return (best ?? found(center, direction, [], count)).places.sort((a, b) => a.ring - b.ring || a.turn - b.turn);
}
