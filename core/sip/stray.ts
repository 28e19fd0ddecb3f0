/**
 * A 2xx to an INVITE of ours that another has answered, that failed, was cancelled, or is long over: a fork that came second.
 * Its sender takes himself for connected, so he is acknowledged, with every stream of his offer refused where he was
 * asked for one, and hung up (RFC 3261 13.2.2.4). Nothing is remembered of him: that he gets the same when he
 * repeats himself, it follows from what he says.
 */
import { flatten } from './bytes.js';
import { Dialog } from './dialog.js';
import { dialogRequest } from './dialog-request.js';
import type { B2buaEnvironment } from './environment.js';
import type { SipResponse } from './message.js';
import { sdpOf } from './message-facts.js';
import { OwnDescription } from './own-description.js';
import { rejectAll } from './sdp.js';
import { DISCARD, type Layer } from './session-user.js';
import { asksForOffer } from './transaction-key.js';
import { type Path, pathTo } from './transport.js';

/** Nothing is sent for a response that is not to a request of ours (RFC 3261 18.1.2). */
export function dismissStray(response: SipResponse, path: Path, env: B2buaEnvironment, layer: Layer): void {
  const { via } = response;
  const sentBy = env.sentBy(path.socket);
  const host = via.host.includes(':') ? `[${via.host}]` : via.host;
  if (`${host}:${via.port || 5060}` !== sentBy || response.contact === undefined) return;
  const dialog = Dialog.fromAnswer(response);
  const request = (method: string, cseq: number, branch: string, sdp = ''): string =>
    dialogRequest(dialog, {
      method,
      cseq,
      branch,
      sentBy,
      maxForwards: 70,
      headers: [],
      contentType: sdp === '' ? '' : 'application/sdp',
      body: sdp,
    });
  const { cseq, toTag } = response;
  const branch = (method: string): string => flatten(`${via.branch}.${toTag}.${method}`);
  const offer = asksForOffer(via.branch) ? sdpOf(response) : '';
  // Seven hexadecimal digits of our token, where the branch ends as one that asks.
  const own = new OwnDescription(String(Number.parseInt(via.branch.slice(-12, -5), 16) || 1));
  const answer = offer === '' ? '' : own.signed(rejectAll(offer), sentBy);
  env.resolve(
    dialog.nextHop(),
    (targets) => {
      const to = targets[0] === undefined ? path : pathTo(path, targets[0].host, targets[0].port);
      env.send(to, request('ACK', cseq, branch('ack'), answer));
      const bye = branch('bye');
      if (layer.asks(bye)) return;
      layer.request('BYE', bye, dialog.callId, request('BYE', cseq + 1, bye), to, DISCARD);
    },
    false,
  );
}
