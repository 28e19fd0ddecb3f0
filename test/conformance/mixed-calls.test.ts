/** Five hundred calls of every kind, over real SIP: what the statistics say is what the CDRs say. */
import t from 'tap';
import type { AgentTemper } from '../../tools/endpoints/agent.js';
import { type CallerOutcome, type CallerTemper, callAs } from '../../tools/endpoints/caller.js';
import { refer } from '../../tools/endpoints/refer.js';
import { type CdrShown, type FlowSeed, readCdrs, seedDatabase } from '../../tools/provision.js';
import { eventually, within } from '../support/settle.js';
import { lastOnes, meanTalk, statisticsOf } from './cdr-counts.js';
import { Site } from './site.js';

const CALLS = 500;
/** Between one caller and the next. */
const PACE_MS = 25;

const ANSWERS: AgentTemper = { answer_after_ms: 0 };
const SLOW: AgentTemper = { answer_after_ms: 400 };

/** Who answers which skill, and how. */
const AGENTS: Record<string, { skills: string; chats?: number; temper: (nth: number) => AgentTemper }> = {
  ...each('steady', 12, () => ({ skills: 'talk', temper: (nth) => (nth % 3 === 0 ? SLOW : ANSWERS) })),
  // Hangs up after a while, refuses, hangs up at once, lets it ring.
  ...each('moody', 8, (i) => ({
    skills: 'mood',
    temper: (nth) => MOODS[(nth + i) % MOODS.length] ?? ANSWERS,
  })),
  picky: { skills: 'mood', temper: () => ({ reject: 488 }) },
  ...each('grim', 2, () => ({ skills: 'hopeless', temper: () => ({ reject: 603 }) })),
  // Sends every caller on to somebody else.
  ...each('sender', 3, () => ({ skills: 'send', temper: () => ANSWERS })),
  ...each('rare', 2, () => ({ skills: 'rare', temper: () => SLOW })),
  ...each('typist', 4, (i) => ({
    skills: 'type',
    chats: 2 + (i % 2),
    temper: (nth) => (nth % 7 === 6 ? { reject: 486 } : ANSWERS),
  })),
};

const MOODS: AgentTemper[] = [
  ANSWERS,
  { reject: 486 },
  { answer_after_ms: 100, hangup_after_ms: 1_200 },
  { answer_after_ms: 0, hangup_after_ms: 0 },
  ANSWERS,
  {},
];

const TALKS: CallerTemper[] = [
  { talk_ms: 1_100 },
  { talk_ms: 150 },
  { talk_ms: 2_100, patience_ms: 4_000 },
  { talk_ms: 300, patience_ms: 700 },
];
const HURRIED: CallerTemper[] = [{ talk_ms: 500, patience_ms: 30 }, ...TALKS];

/** Which flow is called by whom, in turn. */
const CALLERS: { flow: string; tempers: CallerTemper[] }[] = [
  { flow: 'greeted', tempers: HURRIED },
  { flow: 'direct', tempers: TALKS },
  { flow: 'moods', tempers: TALKS },
  { flow: 'chats', tempers: TALKS.map((temper) => ({ ...temper, media: 'msrp' as const })) },
  { flow: 'direct', tempers: HURRIED },
  { flow: 'moods', tempers: HURRIED },
  { flow: 'full', tempers: [{ talk_ms: 1_500, patience_ms: 6_000 }] },
  { flow: 'long', tempers: [{ talk_ms: 1_200, patience_ms: 5_000 }] },
  { flow: 'chats', tempers: [{ talk_ms: 2_500, media: 'msrp' }] },
  { flow: 'sends', tempers: [{ talk_ms: 1_600 }, { talk_ms: 1_600, patience_ms: 3_000 }] },
  { flow: 'hopeless', tempers: [{ talk_ms: 100, patience_ms: 9_000 }] },
];

t.test('after 500 mixed calls every statistic equals what the CDRs say', { timeout: 115_000 }, async (t) => {
  const site = await Site.open(t, {
    SIP_ACD_CALL_CENTER_WRAPUP_TIME: '0',
    SIP_ACD_SIP_MAX_REJECTIONS: '3',
    SIP_ACD_SIP_AGENT_RING_TIMEOUT: '1.5',
  });
  const flows = flowsOf(site);
  const agents = Object.entries(AGENTS).map(([agentid, { skills, chats, temper }]) => {
    const { uri } = site.agent(agentid, temper);
    const audio = { agentid, skills, logstate: 1, wrapup_time: agentid.startsWith('moody') ? 1 : 0 };
    return chats === undefined
      ? { ...audio, location: uri }
      : { ...audio, msrp_location: uri, msrp_max_sessions: chats };
  });
  await seedDatabase(site.data_dir, flows, agents);
  const transfers = sendOn(
    site,
    Object.keys(AGENTS).filter((name) => name.startsWith('sender')),
  );
  await site.start();

  const closed = site.call('closed', 'nobody');
  t.match(await within(closed.ended, 'nobody is logged in'), { status: 480 });
  const outcomes = new Map<string, CallerOutcome>();
  await Promise.all(
    Array.from({ length: CALLS }, async (_, i) => {
      await new Promise((resolve) => setTimeout(resolve, i * PACE_MS));
      const { flow, tempers } = CALLERS[i % CALLERS.length] as (typeof CALLERS)[number];
      const temper = tempers[Math.floor(i / CALLERS.length) % tempers.length] as CallerTemper;
      const user = `caller${i}`;
      let outcome = await callAs(site.callers, site.uri(flow), { ...temper, user }, (name) => name in AGENTS);
      // An engine on a busy machine turns callers away before they are calls; they try again.
      while (outcome.status === 503) {
        await new Promise((resolve) => setTimeout(resolve, 1_000));
        outcome = await callAs(site.callers, site.uri(flow), { ...temper, user }, (name) => name in AGENTS);
      }
      outcomes.set(user, outcome);
    }),
  );
  await site.idle();
  const logged_in = agents.length;
  await eventually(
    () => site.statistics(['ccg_free_agents']),
    ({ ccg_free_agents }) => ccg_free_agents === logged_in,
    'every agent is free again',
  );
  const statistics = await site.statistics();
  const listed = await site.list('cc_list_flows');
  await site.stop();
  const cdrs = await readCdrs(site.data_dir);

  await t.test('each statistic', async (t) => {
    const logged = Object.fromEntries(
      flows.map(({ flowid, skill }) => [flowid, agents.filter((agent) => agent.skills === skill).length]),
    );
    const { 'cca_rej_incalls-picky': blamed = -1, ...rest } = statistics;
    const { 'cca_rej_incalls-picky': refused = 0, ...expected } = statisticsOf(
      cdrs,
      logged,
      Object.keys(AGENTS),
      logged_in,
    );
    t.same(rest, expected, `over ${cdrs.length} CDRs`);
    t.ok(
      blamed >= 0 && blamed < refused,
      'who refuses for the call’s fault is not blamed, which no CDR tells',
    );
    for (const { id, 'Avg Call Duration': mean, 'Processed Calls': processed } of listed) {
      const own = cdrs.filter((cdr) => cdr.flow_id === id);
      t.equal(mean, meanTalk(own), `mean talk time of ${id}`);
      t.equal(processed, own.filter((cdr) => cdr.call_type === 0).length, `calls of ${id} that were handled`);
    }
  });

  await t.test('each CDR says what happened to its caller', async (t) => {
    t.equal(lastOnes(cdrs).length, CALLS, 'one last CDR a call, none for the one who was refused');
    t.equal(new Set(cdrs.map((cdr) => cdr.cid)).size, CALLS);
    const wrong: unknown[] = [];
    const kinds = new Map<string, number>();
    for (const [user, outcome] of outcomes) {
      const own = cdrs.filter((cdr) => cdr.caller === user);
      const kind = kindOf(outcome, own);
      kinds.set(kind, (kinds.get(kind) ?? 0) + 1);
      if (kind === 'wrong') wrong.push({ user, outcome, own });
    }
    t.same(wrong, []);
    for (const kind of [
      'talked',
      'abandoned',
      'abandoned while it rang',
      'dissuaded',
      'given up',
      'refused first',
    ])
      t.ok(kinds.get(kind), `${kinds.get(kind) ?? 0} ${kind}`);
    t.ok(
      cdrs.some((cdr) => cdr.call_type === -2 && cdr.fstats === 7),
      'an agent hung up at once',
    );
    t.ok(transfers.done > 0, `${transfers.done} transferred`);
    t.ok(site.media.count('dissuading') > 0, 'somebody heard the dissuading message and waited on');
  });
  t.same(site.violations(), []);
});

/** These agents transfer each caller, soon after they have answered, to one who takes everybody. */
function sendOn(site: Site, agents: readonly string[]): { done: number } {
  const transfers = { done: 0 };
  const elsewhere = site.agent('elsewhere', ANSWERS);
  const serve = async (name: string): Promise<void> => {
    for (;;) {
      const call = await site.agent(name, ANSWERS).nextCall();
      void call.answered.then(async (answered) => {
        if (!answered) return;
        await new Promise((resolve) => setTimeout(resolve, 300));
        if (call.state !== 'answered') return;
        const { outcome } = await refer(call, elsewhere.uri);
        if ((await outcome) === 200) transfers.done++;
      });
    }
  };
  for (const name of agents) void serve(name);
  return transfers;
}

/** What became of a call, by its caller and its CDRs; `wrong` when they do not agree. */
function kindOf({ result, end }: CallerOutcome, own: readonly CdrShown[]): string {
  const last = own.at(-1);
  const rejections = own.slice(0, -1);
  if (last === undefined || last.call_type === -2 || last.rejected !== rejections.length) return 'wrong';
  if (!rejections.every((cdr, i) => isRejection(cdr, i) && cdr.cid === last.cid)) return 'wrong';
  const rang = rejections.length > 0 || last.agent_id !== null ? 2 : 0;
  switch (`${last.call_type} ${last.fstats}`) {
    case '0 7':
      // Who gave up when the agent had just answered may not know of it.
      if (last.agent_id === null || (result !== 'talked' && last.talk_time > 0)) return 'wrong';
      return rejections.length > 0 ? 'refused first' : 'talked';
    case `1 ${1 + rang + 8}`:
      // Joined to an agent for a moment: to one who hung up at once, or when he was already leaving.
      if (last.talk_time > 0 || end.how === 'remote-bye' || end.how === 'rejected') return 'wrong';
      return last.agent_id === null ? 'abandoned' : 'abandoned while it rang';
    case `1 ${1 + rang}`:
      return result === 'failed' && end.how === 'remote-bye' && last.talk_time === 0 ? 'dissuaded' : 'wrong';
    case '-1 3':
      // Who left when the third agent had just refused may not know of it.
      if (result !== 'abandoned' && end.how !== 'remote-bye' && end.how !== 'rejected') return 'wrong';
      return last.rejected === 3 ? 'given up' : 'wrong';
    default:
      return 'wrong';
  }
}

function isRejection(cdr: CdrShown, before: number): boolean {
  return cdr.call_type === -2 && cdr.agent_id !== null && cdr.rejected === before && cdr.talk_time === 0;
}

function flowsOf(site: Site): FlowSeed[] {
  const message_queue = site.media.uri('queue');
  const message_dissuading = site.media.uri('dissuading');
  return [
    { flowid: 'greeted', skill: 'talk', message_queue, message_welcome: site.media.uri('welcome') },
    { flowid: 'direct', skill: 'talk', priority: 10, message_queue },
    { flowid: 'moods', skill: 'mood', message_queue },
    { flowid: 'chats', skill: 'type', message_queue },
    { flowid: 'sends', skill: 'send', message_queue, message_welcome: site.media.uri('welcome') },
    { flowid: 'hopeless', skill: 'hopeless', message_queue },
    { flowid: 'closed', skill: 'nobody has it', message_queue },
    {
      flowid: 'full',
      skill: 'rare',
      message_queue,
      message_dissuading,
      dissuading_qsize_th: 2,
      dissuading_hangup: 1,
    },
    {
      flowid: 'long',
      skill: 'rare',
      priority: 1,
      message_queue,
      message_dissuading,
      dissuading_onhold_th: 1,
    },
  ];
}

function each<T>(name: string, count: number, make: (i: number) => T): Record<string, T> {
  return Object.fromEntries(Array.from({ length: count }, (_, i) => [`${name}${i + 1}`, make(i)]));
}
