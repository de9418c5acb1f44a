// What people, their shop and its providers do: one function for each kind of request.
import crypto from 'k6/crypto';
import exec from 'k6/execution';
import http from 'k6/http';
import { check } from 'k6';
import { any, newcomer } from './people.js';

const site = JSON.parse(open(__ENV.SITE));
const KEY = { Authorization: `Bearer ${site.key}` };
const JSON_KEY = { ...KEY, 'Content-Type': 'application/json' };
const TOPICS = ['ca-phe', 'my-pham', 'thoi-trang', 'do-gia-dung', 'sach', 'du-lich'];
const TYPES = ['app-launch', 'overview-view', 'page_view', 'search', 'product_view'];
const EVENTS_A_POST = 10;

// Names of requests: the summary tells their times apart.
export const REQUESTS = [
  'activate campaign', 'events', 'cart', 'trace', 'outcome', 'sign-up', 'activate profile', 'operations',
];

function person() {
  return `kh-${String(1 + Math.floor(Math.random() * site.people)).padStart(6, '0')}`;
}

// Nothing may be done twice where a connection breaks: each request has a key of its own.
function post(name, path, document) {
  const key = `${exec.scenario.name}-${exec.scenario.iterationInTest}`;
  const headers = { ...JSON_KEY, 'Idempotency-Key': key };
  return http.post(`${site.url}${path}`, JSON.stringify(document), { headers, tags: { name } });
}

// A marketer launches the next campaign: its segment is frozen and everybody in it decided for, in bulk.
export function activate() {
  if (exec.scenario.iterationInTest >= Number(__ENV.WAVES)) {
    return; // the last instant of a step may begin one more, which is the next step's
  }
  const campaign = site.campaigns[Number(__ENV.FIRST_WAVE) + exec.scenario.iterationInTest];
  const answer = post('activate campaign', `/campaigns/${campaign.id}/activate`, {});
  check(answer, {
    'the campaign is launched for everybody in it': (r) => r.status === 202 && r.json('run.people') === campaign.people,
  });
}

// An app and a shop tell what people do, several events in one post.
export function postEvents() {
  const events = Array.from({ length: EVENTS_A_POST }, () => ({
    type: any(TYPES), profile: person(), attributes: { topic: any(TOPICS), screen: 'trang-chu' },
  }));
  const answer = post('events', '/events', events);
  check(answer, { 'the events are stored': (r) => r.status === 202 && r.json('events.#') === EVENTS_A_POST });
}

// Somebody leaves a basket behind: decided for at once, in the realtime lane.
export function leaveCart() {
  const attributes = { items: 1 + Math.floor(Math.random() * 4), value_vnd: 1000 * (80 + Math.floor(Math.random() * 2300)) };
  const answer = post('cart', '/events', { type: 'cart_abandoned', profile: person(), attributes });
  check(answer, { 'the basket starts a run': (r) => r.status === 202 && r.json('runs.#') === 1 });
}

// Service looks at a person's journey; what the reader of their mail did comes back, signed as the provider signs.
export function readJourney() {
  const answer = http.get(`${site.url}/trace/profile/${person()}`, { headers: KEY, tags: { name: 'trace' } });
  check(answer, { 'the journey is told': (r) => r.status === 200 });
  const eventId = answer.status === 200 ? sentMail(answer.json()) : null;
  if (eventId !== null) {
    tellOutcome(eventId);
  }
}

function sentMail(trace) {
  for (const journey of trace.journeys) {
    for (const step of journey.steps) {
      if (step.step === 'delivery' && !step.absent && step.detail.channel === 'email' && step.detail.status === 'sent') {
        return step.detail.event_id;
      }
    }
  }
  return null;
}

function tellOutcome(eventId) {
  const body = JSON.stringify([{
    id: `k6-${exec.scenario.name}-${exec.scenario.iterationInTest}`, event_id: eventId, channel: 'email',
    type: any(['read', 'read', 'read', 'clicked']), at: new Date().toISOString(),
  }]);
  const now = String(Math.floor(Date.now() / 1000));
  const headers = {
    'Content-Type': 'application/json', 'x-leo-timestamp': now,
    'x-leo-signature': `sha256=${crypto.hmac('sha256', site.webhook_secret, `${now}.${body}`, 'hex')}`,
  };
  const answer = http.post(site.webhook_url, body, { headers, tags: { name: 'outcome' } });
  check(answer, { 'the outcome is taken': (r) => r.status === 200 && r.json('new') === 1 });
}

// Somebody registers.
export function signUp() {
  const answer = post('sign-up', '/profiles', newcomer(`moi-${exec.scenario.name}-${exec.scenario.iterationInTest}`));
  check(answer, { 'the newcomer is stored': (r) => r.status === 200 });
}

// Somebody at a counter is decided for and written to before the answer is given.
export function activateOne() {
  const answer = post('activate profile', '/activate/profile', { campaign_id: site.counter, profile: person() });
  check(answer, { 'the person is decided for': (r) => r.status === 200 && r.json('decision_id') > 0 });
}

// The console shows how the work stands.
export function lookAtWork() {
  const answer = http.get(`${site.url}/operations`, { headers: KEY, tags: { name: 'operations' } });
  check(answer, { 'the work is told': (r) => r.status === 200 });
}
