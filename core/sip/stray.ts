/**
 * A 2xx to an INVITE of ours that failed, was cancelled, or whose transaction is long over: a fork that answered late.
 * Its sender takes himself for connected, so he is acknowledged, with every stream of his offer refused where he was
 * asked for one, and hung up (RFC 3261 13.2.2.4).
 */
import { Dialog } from './dialog.js';
import { dialogRequest } from './dialog-request.js';
import type { B2buaEnvironment } from './environment.js';
import type { SipResponse } from './message.js';
import { sdpOf } from './message-facts.js';
import { OwnDescription } from './own-description.js';
import { rejectAll } from './sdp.js';
import { DISCARD, type Layer } from './session-user.js';
import { asksForOffer, branchOf } from './transaction-key.js';
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
  const { cseq } = response;
  const offer = asksForOffer(via.branch) ? sdpOf(response) : '';
  const own = new OwnDescription(String(Math.floor(env.random() * 2 ** 31)));
  const answer = offer === '' ? '' : own.signed(rejectAll(offer), sentBy);
  env.resolve(
    dialog.nextHop(),
    (targets) => {
      const to = targets[0] === undefined ? path : pathTo(path, targets[0].host, targets[0].port);
      env.send(to, request('ACK', cseq, branchOf(env.token()), answer));
      const branch = branchOf(env.token());
      layer.request('BYE', branch, dialog.callId, request('BYE', cseq + 1, branch), to, DISCARD);
    },
    false,
  );
}
