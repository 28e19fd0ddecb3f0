/** Routing that takes its time. */
import t from 'tap';
import type { Report } from '../../core/messages.js';
import { bytesFromUtf8 } from '../../core/sip/bytes.js';
import type { Routed } from '../../core/sip/environment.js';
import { sdp, World } from '../support/virtual-world.js';

/** A world whose routing decides when it is told to. */
function undecided() {
  const world = new World();
  const decisions: ((routed: Routed) => void)[] = [];
  world.route = (_request, _path, done) => decisions.push(done);
  const caller = world.peer('10.0.0.1');
  const branch = caller.send('INVITE', { uri: 'sip:any@192.0.2.1', sdp: sdp('10.0.0.1', 4000) });
  caller.response(100);
  // Of an engine that has died nobody hears.
  const decide = (routed: Routed): void => decisions.pop()?.(routed);
  return { world, caller, branch, decide };
}

t.test('a call begins when routing has decided, with what it was given', async (t) => {
  const { world, caller, decide } = undecided();
  world.advance(400);
  t.same(world.reports, []);
  t.equal(world.b2bua.size, 0);
  decide({ flow: bytesFromUtf8('zürich'), param: bytesFromUtf8('wüst'), media: 'msrp' });
  t.match(world.reports, [{ kind: 'arrived', flow: 'zürich', param: 'wüst', media: 'msrp' }]);
  world.peer('10.0.0.2');
  const { call } = world.reports[0] as Extract<Report, { kind: 'arrived' }>;
  world.decide({ kind: 'end', call, status: 480, reason: 'no' });
  caller.response(480);
});

t.test('a caller who gives up while routing decides gets 487 and there is no call', async (t) => {
  const { world, caller, branch, decide } = undecided();
  caller.send('CANCEL', { uri: 'sip:any@192.0.2.1', cseq: 1, branch });
  caller.response(200, 'CANCEL');
  caller.response(487);
  decide({ flow: 'support', param: '', media: undefined });
  t.same(world.reports, [], 'a decision that comes too late changes nothing');
  t.equal(world.b2bua.size, 0);
  t.match(caller.summary(), /^(100 ?)*$/);
});

t.test('a retransmission is not routed again', async (t) => {
  const { world, caller, branch, decide } = undecided();
  caller.send('INVITE', { uri: 'sip:any@192.0.2.1', sdp: sdp('10.0.0.1', 4000), cseq: 1, branch });
  caller.response(100);
  decide({ flow: 'support', param: '', media: undefined });
  t.equal(world.reports.length, 1);
});

t.test('an overloaded engine does not turn away an INVITE that it is deciding about', async (t) => {
  const { world, caller, branch, decide } = undecided();
  world.admits = false;
  caller.send('INVITE', { uri: 'sip:any@192.0.2.1', sdp: sdp('10.0.0.1', 4000), cseq: 1, branch });
  caller.response(100);
  caller.send('INVITE', { uri: 'sip:any@192.0.2.1', sdp: sdp('10.0.0.1', 4000), callId: 'another' });
  t.equal(caller.response(503).callId, 'another');
  decide({ flow: 'support', param: '', media: undefined });
  t.equal(world.reports.length, 1);
});

t.test('an INVITE that has come by two ways is decided about once', async (t) => {
  const { world, caller, decide } = undecided();
  caller.send('INVITE', {
    uri: 'sip:any@192.0.2.1',
    sdp: sdp('10.0.0.1', 4000),
    cseq: 1,
    branch: 'z9hG4bK-2',
  });
  caller.response(482);
  decide({ flow: 'support', param: '', media: undefined });
  t.equal(world.reports.length, 1);
  t.equal(world.b2bua.size, 1);
});

t.test('a refusal says why, and after a failure when to come again', async (t) => {
  const busy = undecided();
  busy.decide({ status: 403, reason: 'SIP;cause=403;text="not from here"' });
  const refused = busy.caller.response(403);
  t.equal(refused.header('reason'), 'SIP;cause=403;text="not from here"');
  t.equal(refused.header('retry-after'), undefined);
  const broken = undecided();
  broken.decide({ status: 500, reason: 'SIP;cause=500;text="route module failed"' });
  t.match(broken.caller.response(500).header('retry-after'), /^[123]$/);
  t.equal(broken.world.b2bua.size, 0);
});

t.test('a caller about whom routing decides keeps his place when the engine dies', async (t) => {
  const { world, caller, decide } = undecided();
  world.advance(300);
  world.dieAndReturn();
  t.equal(caller.response(100).callId, 'call-id@caller');
  world.dieAndReturn();
  t.same(world.reports, []);
  decide({ flow: 'support', param: '', media: undefined });
  t.match(world.reports, [{ kind: 'arrived', flow: 'support' }]);
  t.equal(world.b2bua.size, 1);
  world.dieAndReturn();
  t.equal(world.b2bua.size, 1, 'from then on his call is what is played again');
});

t.test('an engine that stops leaves nobody undecided', async (t) => {
  const { world, caller, decide } = undecided();
  world.b2bua.endAll('the engine stops');
  caller.response(503);
  decide({ flow: 'support', param: '', media: undefined });
  t.same(world.reports, []);
  world.dieAndReturn();
  t.match(caller.summary(), /^(100 ?)*$/, 'the next engine does not ask about him again');
});
