// Activation under load, end to end: `make load STAGE=smoke|load|stress|soak|spike` starts all that this talks to.
//
// Stages and shares of the traffic are in stages.json, the limits in thresholds.json; SITE names a file with the
// addresses, keys and campaigns of the throw-away site that `leo load` has set up.
import * as traffic from './traffic.js';

export { activate, postEvents, leaveCart, readJourney, signUp, activateOne, lookAtWork } from './traffic.js';

const plan = JSON.parse(open('./stages.json'));
const thresholdsOf = JSON.parse(open('./thresholds.json'));
const stage = plan.stages[__ENV.STAGE];
if (__ENV.SECONDS) {
  stage.steps[0].seconds = Number(__ENV.SECONDS);
}
const limits = thresholdsOf[__ENV.STAGE] || thresholdsOf.default;
const share = plan.per_profile;

// What each profile that is activated brings with it; a share is requests for one profile.
const KINDS = {
  events: ['postEvents', share.event_posts],
  carts: ['leaveCart', share.carts],
  journeys: ['readJourney', share.journeys],
  sign_ups: ['signUp', share.sign_ups],
  single: ['activateOne', share.single],
  overviews: ['lookAtWork', share.overviews],
};

function scenarios() {
  const made = {};
  let at = 0;
  let wave = 0;
  stage.steps.forEach((step, place) => {
    const about = { startTime: `${at}s`, duration: `${step.seconds}s`, tags: { step: String(place) }, gracefulStop: '5s' };
    made[`activate_${place}`] = {
      ...about, executor: 'constant-arrival-rate', exec: 'activate', rate: 1, timeUnit: `${plan.wave_s}s`,
      preAllocatedVUs: 4, maxVUs: 20, env: { FIRST_WAVE: String(wave), WAVES: String(Math.floor(step.seconds / plan.wave_s)) },
    };
    for (const [kind, [name, perProfile]] of Object.entries(KINDS)) {
      const rate = Math.max(1, Math.round(step.per_minute * perProfile));
      made[`${kind}_${place}`] = {
        ...about, executor: 'constant-arrival-rate', exec: name, rate, timeUnit: '60s',
        preAllocatedVUs: Math.max(2, Math.ceil(rate / 60)), maxVUs: Math.max(20, Math.ceil(rate / 10)),
      };
    }
    at += step.seconds + stage.pause_s;
    wave += Math.floor(step.seconds / plan.wave_s);
  });
  return made;
}

function thresholds() {
  const made = {
    http_req_duration: [`p(95)<=${limits.response_p95_ms}`],
    http_req_failed: [`rate<=${limits.error_rate}`],
    checks: [`rate>=${1 - limits.error_rate}`],
    dropped_iterations: ['count<=0'],
  };
  stage.steps.forEach((_, place) => {
    for (const metric of ['http_req_duration', 'http_req_failed', 'checks', 'dropped_iterations']) {
      made[`${metric}{step:${place}}`] = made[metric];
    }
  });
  // Told apart in the summary, without a limit of their own: all requests together are held to one.
  for (const kind of traffic.REQUESTS) {
    made[`http_req_duration{name:${kind}}`] = ['max>=0'];
  }
  return made;
}

export const options = {
  scenarios: scenarios(),
  thresholds: thresholds(),
  summaryTrendStats: ['avg', 'min', 'med', 'max', 'p(90)', 'p(95)', 'p(99)', 'count'],
  userAgent: 'leo-load/1',
};

export function handleSummary(data) {
  return { [__ENV.SUMMARY]: JSON.stringify(data) };
}
