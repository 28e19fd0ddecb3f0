/**
 * A process of agents, each at a socket of his own, who notes how long they waited for their next call. Alone, with a
 * heap that is collected in a millisecond: what holds it up would be taken for the engine's.
 */
import { hangupAfter } from '../../endpoints/agent.js';
import { Endpoint } from '../../endpoints/endpoint.js';
import { GapLog } from '../gap-log.js';
import type { DeskAnswer, DeskQuestion, DeskTask } from './desks.js';

/** From each BYE to the next INVITE at the same socket, ms. */
const gaps_ms: number[] = [];

async function openDesk(name: string, talk_ms: number): Promise<string> {
  const endpoint = await Endpoint.open({ name, log: new GapLog(gaps_ms) });
  endpoint.serve(name, (call) => {
    call.ring();
    call.accept();
    hangupAfter(call, talk_ms);
  });
  return endpoint.uri();
}

const answer = (message: DeskAnswer): void => {
  process.send?.(message);
};
const { count, talk_ms } = JSON.parse(process.argv[2]!) as DeskTask;
const uris: string[] = [];
for (let index = 0; index < count; index++) uris.push(await openDesk(`agent${index}`, talk_ms));
process.on('message', (_: DeskQuestion) => answer({ kind: 'gaps', gaps_ms: gaps_ms.splice(0) }));
process.on('disconnect', () => process.exit());
answer({ kind: 'open', uris });
