// A minute of light traffic against a running API: is it up, does it take events, how fast?
//
//   k6 run -e LEO_API_URL=http://127.0.0.1:8765 -e LEO_API_KEY=leo_... -e PROFILES=2000 k6/smoke.js
//
// The people must exist: `leo demo` makes kh-000001 and up, and prints a key.
import http from 'k6/http';
import { check } from 'k6';

const url = __ENV.LEO_API_URL || 'http://127.0.0.1:8765';
const profiles = Number(__ENV.PROFILES || 2000);
const headers = { 'Content-Type': 'application/json', Authorization: `Bearer ${__ENV.LEO_API_KEY}` };

export const options = {
  scenarios: {
    events: { executor: 'constant-arrival-rate', rate: 20, timeUnit: '1s', duration: __ENV.DURATION || '60s', preAllocatedVUs: 10 },
  },
  thresholds: {
    http_req_failed: ['rate<0.01'],
    http_req_duration: ['p(95)<200'],
    checks: ['rate>0.99'],
  },
};

export function setup() {
  const ready = http.get(`${url}/readyz`);
  if (ready.status !== 200) {
    throw new Error(`The API at ${url} is not ready (status ${ready.status}): start it with make up or leo demo.`);
  }
}

export default function () {
  const person = 1 + Math.floor(Math.random() * profiles);
  const event = { type: 'page_view', profile: `kh-${String(person).padStart(6, '0')}`, attributes: { topic: 'ca-phe' } };
  const answer = http.post(`${url}/events`, JSON.stringify(event), { headers });
  check(answer, { 'the event is stored': (r) => r.status === 201 || r.status === 202 || r.status === 200 });
}
