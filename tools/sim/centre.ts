/** The simulated centre's provisioning, drawn anew at each reload: some flows and agents come, go and change. */
import type { AgentConfig, Provisioning } from '../../core/acd/provisioning.js';
import type { Dice } from './dice.js';

export const FLOWS = ['sales', 'help', 'billing', 'chat', 'vip'];
const SKILLS = ['talk', 'fix', 'count'];
const MEDIA = '10.3.0.1';
/** Where the proxies stand that ring several phones at once; agents' own phones are at 10.2. */
export const PROXIES = '10.4.';

/** Host of an agent's location: some are known by a name that takes a while to be looked up, some are behind a proxy that forks. */
export function agentsAddress(n: number): string {
  return n % 7 === 0 ? `desk${n}.example` : `${n % 5 === 2 ? PROXIES : '10.2.'}0.${n}`;
}

export function drawProvisioning(dice: Dice, agents: number, before: Provisioning | undefined): Provisioning {
  const flows = FLOWS.map((id, index) => ({
    id,
    priority: dice.between(0, 2),
    // Seldom changed: whoever waits moves to another queue.
    skill: before === undefined || dice.chance(20) ? SKILLS[index % 3]! : dice.pick(SKILLS),
    prependcid: dice.chance(30) ? 'VIP' : '',
    max_wrapup_s: dice.pick([0, 0, 2]),
    dissuading_hangup: dice.chance(30),
    dissuading_refer: dice.chance(30),
    dissuading_onhold_s: dice.pick([0, 10, 60]),
    dissuading_ewt_s: dice.pick([0, 0, 300]),
    dissuading_qsize: dice.pick([0, 0, 60]),
    message_welcome: dice.chance(50) ? `sip:welcome@${MEDIA}` : '',
    message_queue: `sip:queue@${MEDIA}`,
    message_dissuading: dice.chance(60) ? `sip:dissuade@${MEDIA}` : '',
    message_flow_id: dice.chance(30) ? `sip:flowid@${MEDIA}` : '',
  }));
  const staff: AgentConfig[] = [];
  for (let n = 1; n <= agents; n++) {
    staff.push({
      id: `a${n}`,
      location: `sip:a${n}@${agentsAddress(n)}`,
      msrp_location: n % 2 === 0 ? `sip:a${n}@10.2.0.${n}` : '',
      msrp_max_sessions: dice.between(1, 4),
      skills: SKILLS.filter((_, index) => index === n % 3 || dice.chance(25)),
      logged_in: dice.chance(90),
      wrapup_end_time_s: 0,
      wrapup_s: dice.pick([0, 1, 5]),
    });
  }
  if (before !== undefined) {
    flows.splice(dice.between(0, flows.length - 1), dice.between(0, 1));
    staff.splice(dice.between(0, staff.length - 1), dice.between(0, 3));
  }
  return { flows, agents: staff };
}
