/** The state of a simulated endpoint's dialog (RFC 3261 section 12): who, where to, and which number is next. */
import type { SipRequest, SipResponse } from '../../core/sip/message.js';
import type { RequestParts } from './endpoint.js';

export class Dialog {
  remoteTag = '';
  /** CSeq of the last request of ours, and of the far end's. */
  localCseq = 0;
  remoteCseq = 0;
  private routes: readonly string[] = [];

  private constructor(
    readonly callId: string,
    private readonly contact: string,
    /** Whole values of our and the far end's From or To, and where requests go. */
    private readonly localName: string,
    private remoteName: string,
    public remoteTarget: string,
  ) {}

  /** Of an INVITE that we are about to send. */
  static outgoing(callId: string, contact: string, from: string, uri: string, route?: string): Dialog {
    const dialog = new Dialog(callId, contact, from, `<${uri}>`, uri);
    if (route !== undefined) dialog.routes = [route];
    return dialog;
  }

  /** Of an INVITE that has come in. */
  static incoming(request: SipRequest, contact: string, localTag: string): Dialog {
    const to = `${request.header('to') ?? ''};tag=${localTag}`;
    const from = request.header('from') ?? '';
    const dialog = new Dialog(request.callId, contact, to, from, request.contact?.uri ?? '');
    dialog.remoteTag = request.fromTag;
    dialog.remoteCseq = request.cseq;
    dialog.routes = request.list('record-route');
    return dialog;
  }

  /** Our INVITE was answered: the far end is known now. */
  establish(response: SipResponse): void {
    this.remoteTag = response.toTag;
    this.remoteName = response.header('to') ?? this.remoteName;
    this.routes = response.list('record-route').reverse();
    this.refresh(response);
  }

  /** A re-INVITE or its 2xx may move the far end (section 12.2). */
  refresh(message: SipRequest | SipResponse): void {
    this.remoteTarget = message.contact?.uri ?? this.remoteTarget;
  }

  /** What a request within the dialog says; the next CSeq unless told. */
  parts(cseq = ++this.localCseq): RequestParts {
    return {
      uri: this.remoteTarget,
      routes: this.routes,
      from: this.localName,
      to: this.remoteName,
      callId: this.callId,
      cseq,
      contact: this.contact,
    };
  }

  /** The same for the dialog that another 2xx to our INVITE makes, behind a forking proxy. */
  partsOf(response: SipResponse, cseq: number): RequestParts {
    return {
      ...this.parts(cseq),
      to: response.header('to') ?? this.remoteName,
      uri: response.contact?.uri ?? this.remoteTarget,
      routes: response.list('record-route').reverse(),
    };
  }
}
