/**
 * Sending in a dialog: a request is built, its next hop asked for, and the text handed on. Also the INVITE that
 * makes the dialog, which goes where it was told to.
 */
import type { CallScope } from './call-scope.js';
import type { Dialog } from './dialog.js';
import { dialogRequest } from './dialog-request.js';
import type { ClientTx, Header, Layer, OutgoingInvite, RequestOwner } from './session-user.js';
import { branchOf } from './transaction-key.js';
import { type Path, pathTo } from './transport.js';

/** A request's own part; where it goes and what it is numbered is the dialog's. */
export interface Content {
  headers: Header;
  body: string;
  contentType: string;
}

/** The content of a request that carries `sdp`, or nothing where there is none. */
export function sdpContent(sdp: string, headers: Header = []): Content {
  return { headers, body: sdp, contentType: sdp === '' ? '' : 'application/sdp' };
}

export class DialogSender {
  /** The INVITE that makes the dialog, until it has. */
  private initial: OutgoingInvite | undefined = undefined;

  constructor(
    private readonly scope: CallScope,
    private readonly layer: Layer,
    readonly dialog: Dialog,
    /** Local socket, and where the peer's last message came from. */
    private readonly path: Path,
    initial: OutgoingInvite | undefined,
  ) {
    this.initial = initial;
  }

  /** Headers of the INVITE that makes the dialog; none once there is one. */
  get initialHeaders(): Header {
    return this.initial?.headers ?? [];
  }

  /** How we name ourselves to the peer: `host:port`. */
  get sentBy(): string {
    return this.scope.sentBy(this.path.socket);
  }

  /** From now on the dialog's route set and target say where requests go. */
  established(): void {
    this.initial = undefined;
  }

  /**
   * Sends a request in a transaction of its own; `started` gets that, at once or when it is known where to.
   * @param wanted asked before it leaves; false when nobody wants the request any more
   */
  request(
    method: string,
    content: Content,
    owner: RequestOwner,
    started: (tx: ClientTx) => void = () => {},
    wanted: () => boolean = () => true,
  ): void {
    const cseq = ++this.dialog.localCseq;
    this.build(method, cseq, content, (text, path, branch) => {
      if (wanted()) started(this.layer.request(method, branch, this.dialog.callId, text, path, owner));
    });
  }

  /** Sends an ACK to a 2xx of that sequence number; `sent` gets it, to be sent again. */
  acknowledge(cseq: number, sdp: string, sent: (text: string, path: Path) => void): void {
    this.build('ACK', cseq, sdpContent(sdp), (text, path) => {
      sent(text, path);
      this.scope.send(path, text);
    });
  }

  /** Builds a request, finds where it goes and hands it to `send`. */
  private build(
    method: string,
    cseq: number,
    content: Content,
    send: (text: string, path: Path, branch: string) => void,
  ): void {
    const { dialog } = this;
    const maxForwards = this.initial?.maxForwards ?? 70;
    const { body, contentType, headers } = content;
    const at = (path: Path): void => {
      const branch = branchOf(this.scope.token(), method === 'INVITE' && body === '');
      const sentBy = this.scope.sentBy(path.socket);
      const parts = { method, cseq, branch, sentBy, maxForwards, headers, contentType, body };
      send(dialogRequest(dialog, parts), path, branch);
    };
    if (this.initial !== undefined) return at(this.path);
    this.scope.resolve(
      dialog.nextHop(),
      (targets) => {
        const target = targets[0];
        // A peer whose Contact cannot be resolved is reached where its last message came from.
        at(target === undefined ? this.path : pathTo(this.path, target.host, target.port));
      },
      false,
    );
  }
}
