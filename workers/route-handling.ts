/** `ccHandleCall` as a route module calls it: its return codes, and what becomes of the INVITE after each. */
import type { FlowRow } from '../core/acd/view.js';
import { bytesFromUtf8 } from '../core/sip/bytes.js';
import type { Routed } from '../core/sip/environment.js';
import type { SipRequest } from '../core/sip/message.js';
import { sdpKind, sdpMedia } from '../core/sip/sdp.js';
import { parseUri } from '../core/sip/uri.js';
import type { TableReaders } from '../ipc/tables.js';

/** The call is taken. */
export const HANDLED = 1;
const NO_FLOW_GIVEN = -1;
const BAD_FROM = -2;
export const UNKNOWN = -3;
const NOBODY_LOGGED_IN = -4;
const INTERNAL = -5;
const NO_SDP = -6;
const BAD_MEDIA = -7;

/** What an INVITE is answered that was refused with the code. */
const REFUSALS: Readonly<Record<number, { status: number; text: string }>> = {
  [NO_FLOW_GIVEN]: { status: 404, text: 'no flow id given' },
  [BAD_FROM]: { status: 400, text: 'unusable From URI' },
  [UNKNOWN]: { status: 404, text: 'no such flow' },
  [NOBODY_LOGGED_IN]: { status: 480, text: 'no agent logged in' },
};

/** A refusal with its Reason header. */
export function refusal(status: number, text: string): Routed {
  return { status, reason: `SIP;cause=${status};text="${bytesFromUtf8(text).replace(/["\\]/g, '\\$&')}"` };
}

/** Who is there for a flow, read from the shared tables. */
export interface FlowBook {
  /** How many agents with its skill are logged in; undefined when there is no such flow. */
  loggedIn(flow: string): number | undefined;
}

/** A module's calls of ccHandleCall for one INVITE. */
export class CallHandling {
  private routed: Routed | undefined = undefined;
  private handled = false;

  constructor(
    private readonly request: SipRequest,
    private readonly flows: FlowBook,
    private readonly reject_on_no_agents: boolean,
  ) {}

  /**
   * Gives the call to a flow. The last call of it decides, but nothing takes a call back that was handled.
   *
   * @param flow its id
   * @param param handed to every leg
   * @param media `rtp` or `msrp`; left out, what the SDP says
   * @returns 1, or the manual's negative code
   */
  handle(flow: unknown, param?: unknown, media?: unknown): number {
    if (this.handled) return INTERNAL;
    const id = flow === undefined || flow === null ? '' : String(flow);
    const kind = this.mediaOf(media);
    const code = this.codeOf(id, kind);
    this.handled = code === HANDLED;
    const refused = REFUSALS[code];
    // Without usable media the dispatcher still counts a call of the flow, and refuses it.
    this.routed = refused
      ? refusal(refused.status, refused.text)
      : {
          flow: bytesFromUtf8(id),
          param: bytesFromUtf8(text(param)),
          media: typeof kind === 'number' ? 'none' : kind,
        };
    return code;
  }

  /** What became of it; undefined when nobody has asked. */
  get outcome(): Routed | undefined {
    return this.routed;
  }

  private codeOf(flow: string, media: 'rtp' | 'msrp' | number): number {
    if (flow === '') return NO_FLOW_GIVEN;
    if (parseUri(this.request.from.uri) === undefined) return BAD_FROM;
    const logged_in = this.flows.loggedIn(flow);
    if (logged_in === undefined) return UNKNOWN;
    if (logged_in === 0 && this.reject_on_no_agents) return NOBODY_LOGGED_IN;
    return typeof media === 'number' ? media : HANDLED;
  }

  /** An INVITE without SDP is audio. */
  private mediaOf(given: unknown): 'rtp' | 'msrp' | number {
    const { body } = this.request;
    if (body !== '' && sdpMedia(body).length === 0) return NO_SDP;
    const kind = text(given).toLowerCase() || (body === '' ? 'rtp' : sdpKind(body));
    return kind === 'rtp' || kind === 'msrp' ? kind : BAD_MEDIA;
  }
}

function text(value: unknown): string {
  return value === undefined || value === null ? '' : String(value);
}

/** The flows of the shared tables by id. Rows stay what they are, so that finding one again is one look. */
export class TableFlowBook implements FlowBook {
  private readonly rows = new Map<string, number>();

  constructor(private readonly tables: Pick<TableReaders, 'flows' | 'skills'>) {}

  loggedIn(flow: string): number | undefined {
    const row = this.find(flow);
    return row && (this.tables.skills.read(row.skill)?.logged_in ?? 0);
  }

  private find(id: string): FlowRow | undefined {
    const row = this.named(id);
    return row?.removed === false ? row : undefined;
  }

  /** The row of that id, perhaps of a flow that there is no more. */
  private named(id: string): FlowRow | undefined {
    const row = this.known(id);
    if (row?.id === id) return row;
    this.rows.clear();
    this.tables.flows.scan((each, index) => this.rows.set(each.id, index));
    return this.known(id);
  }

  private known(id: string): FlowRow | undefined {
    const row = this.rows.get(id);
    return row === undefined ? undefined : this.tables.flows.read(row);
  }
}
