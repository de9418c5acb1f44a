// The API as the console speaks to it: one key, problem documents as errors, Server-Sent Events over fetch.
import { write } from "./json.js";

/** What the API answered instead: its sentence, what to do, and the request's id for whoever looks into the log. */
export class Problem extends Error {
  constructor(status, document) {
    super(document.detail ?? `HTTP ${status}`);
    this.status = status;
    this.code = document.code ?? "unknown";
    this.remedy = document.remedy ?? "";
    this.requestId = document.request_id ?? null;
    this.errors = document.errors ?? [];
  }
}

async function problemOf(answer) {
  try {
    return new Problem(answer.status, await answer.json());
  } catch {
    return new Problem(answer.status, {});
  }
}

function address(path, query) {
  const given = Object.entries(query ?? {}).filter(([, value]) => value !== null && value !== undefined && value !== "");
  return given.length ? `${path}?${new URLSearchParams(given)}` : path;
}

/** Split a stream of text into events: `{event, data}`, data still as text. */
async function* eventsOf(body) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    const blocks = (rest + value).split("\n\n");
    rest = blocks.pop();
    for (const block of blocks) {
      const fields = block.split("\n").map((line) => /^(\w*):? ?(.*)$/.exec(line));
      const data = fields.filter((field) => field?.[1] === "data").map((field) => field[2]);
      if (data.length) yield { event: fields.find((field) => field?.[1] === "event")?.[2] ?? "message", data: data.join("\n") };
    }
  }
}

const MOST_PAGES = 20;

/** Speak with a key; `onRefused` is told where the key holds no more. */
export function connect(key, onRefused = () => {}) {
  async function ask(method, path, { query, body, signal, headers: more } = {}) {
    const headers = { Authorization: `Bearer ${key}`, Accept: "application/json", ...more };
    if (body !== undefined) headers["Content-Type"] = "application/json";
    const answer = await fetch(address(path, query), {
      method,
      headers,
      signal,
      body: body === undefined ? undefined : write(body),
      cache: "no-store",
    });
    if (answer.ok) return answer;
    if (answer.status === 401) onRefused();
    throw await problemOf(answer);
  }
  const get = async (path, options) => (await ask("GET", path, options)).json();
  return {
    get,
    /** Give what a list holds, page after page, 10,000 records at most. */
    async all(path, { signal } = {}) {
      const items = [];
      let after = 0;
      for (let pages = 0; after !== null && pages < MOST_PAGES; pages += 1) {
        const found = await get(path, { query: { after, limit: 500 }, signal });
        items.push(...found.items);
        after = found.next;
      }
      return items;
    },
    post: async (path, body = {}, options = {}) => (await ask("POST", path, { ...options, body })).json(),
    text: async (path, options) => (await ask("GET", path, options)).text(),
    /** Give each event of a stream to `told`, until it ends or the signal says so. */
    async follow(path, told, signal) {
      const answer = await ask("GET", path, { signal });
      for await (const { event, data } of eventsOf(answer.body)) told(event, JSON.parse(data));
    },
  };
}
