/** The engine asks a caller to call somebody else himself, instead of bridging him. */
import t from 'tap';
import type { Decision } from '../../core/messages.js';
import { sdp, World } from '../support/virtual-world.js';

const REFER: Decision = { kind: 'refer', call: 'call1', uri: 'sip:sorry@10.0.0.4' };

/** A caller who hears the queue, and says that he takes REFER unless told. */
function waiting(allow = 'INVITE, ACK, BYE, CANCEL, REFER, NOTIFY') {
  const world = new World();
  const caller = world.peer('10.0.0.1');
  const media = world.peer('10.0.0.2');
  caller.send('INVITE', {
    uri: 'sip:support@192.0.2.1',
    sdp: sdp('10.0.0.1', 4000),
    headers: [['Allow', allow]],
  });
  world.decide({
    kind: 'connect',
    call: 'call1',
    leg: 1,
    role: 'media',
    uri: 'sip:queue@10.0.0.2',
    display: '',
  });
  media.reply(media.request('INVITE'), 200, { sdp: sdp('10.0.0.2', 5000) });
  media.request('ACK');
  caller.response(100);
  const ok = caller.response(200);
  caller.send('ACK', { dialog: ok });
  world.told();
  return { world, caller, media, ok };
}

function notify({ caller, ok }: ReturnType<typeof waiting>, line: string, state: string): void {
  caller.send('NOTIFY', {
    dialog: ok,
    body: `${line}\r\n`,
    contentType: 'message/sipfrag;version=2.0',
    headers: [
      ['Event', 'refer'],
      ['Subscription-State', state],
    ],
  });
  caller.response(200, 'NOTIFY');
}

t.test('a caller who goes there has gone; meanwhile he hears what he heard', async (t) => {
  const setup = waiting();
  const { world, caller, media } = setup;
  world.decide(REFER);
  const refer = caller.request('REFER');
  t.equal(refer.header('refer-to'), '<sip:sorry@10.0.0.4>');
  t.match(refer.header('referred-by'), /^<sip:192\.0\.2\.1/);
  caller.reply(refer, 202);
  notify(setup, 'SIP/2.0 100 Trying', 'active;expires=60');
  notify(setup, 'SIP/2.0 180 Ringing', 'active;expires=60');
  t.same(world.told(), []);
  t.equal(media.summary(), '');
  notify(setup, 'SIP/2.0 200 OK', 'terminated;reason=noresource');
  t.same(world.told(), ['referred']);
  t.match(world.reports, []);
  world.decide({ kind: 'end', call: 'call1', status: 480, reason: '' });
  caller.request('BYE');
  media.request('BYE');
});

const status = (world: World): number | undefined => {
  const report = world.reports.splice(0).find(({ kind }) => kind === 'referred');
  return report?.kind === 'referred' ? report.status : undefined;
};

t.test('one who does not say that he takes REFER is not asked', async (t) => {
  const { world, caller } = waiting('INVITE, ACK, BYE, CANCEL');
  world.decide(REFER);
  t.equal(caller.summary(), '');
  t.equal(status(world), 405);
});

t.test('one who refuses stays', async (t) => {
  const { world, caller } = waiting();
  world.decide(REFER);
  caller.reply(caller.request('REFER'), 603);
  t.equal(status(world), 603);
  t.equal(caller.summary(), '');
});

t.test('one who does not get through there stays', async (t) => {
  const setup = waiting();
  setup.world.decide(REFER);
  setup.caller.reply(setup.caller.request('REFER'), 202);
  notify(setup, 'SIP/2.0 486 Busy Here', 'terminated;reason=noresource');
  t.equal(status(setup.world), 486);
});

t.test('one who takes it and says no more has gone', async (t) => {
  const { world, caller } = waiting();
  world.decide(REFER);
  caller.reply(caller.request('REFER'), 202);
  world.advance(31_900);
  t.equal(status(world), undefined);
  world.advance(200);
  t.equal(status(world), 200);
});

t.test('one who hangs up on it has hung up', async (t) => {
  const { world, caller, media, ok } = waiting();
  world.decide(REFER);
  caller.reply(caller.request('REFER'), 202);
  caller.send('BYE', { dialog: ok });
  caller.response(200, 'BYE');
  media.request('BYE');
  t.same(world.told(), ['caller_gone bye']);
  world.advance(40_000);
  t.same(world.told(), []);
});

t.test('a caller who is not answered is not asked', async (t) => {
  const world = new World();
  const caller = world.peer('10.0.0.1');
  caller.send('INVITE', {
    uri: 'sip:support@192.0.2.1',
    sdp: sdp('10.0.0.1', 4000),
    headers: [['Allow', 'REFER']],
  });
  world.told();
  world.decide(REFER);
  t.equal(status(world), 405);
});

t.test('a NOTIFY that nobody has asked for is refused', async (t) => {
  const { caller, ok } = waiting();
  caller.send('NOTIFY', { dialog: ok, headers: [['Event', 'refer']] });
  t.ok(caller.response(481, 'NOTIFY'));
});
