import t from 'tap';
import { StoreError } from '../../sql/errors.js';
import { localTimeWriter } from '../../sql/local_time.js';
import { isSipUri } from '../../sql/sip_uri.js';
import { fit, quoteIdentifier } from '../../sql/text.js';

t.test('text is cut to its column by characters, and cleaned', async (t) => {
  t.equal(fit('alice', 64), 'alice');
  t.equal(fit('alice', 3), 'ali');
  t.equal(fit('a\0b\0', 64), 'ab', 'NUL goes');
  t.equal(fit('a\ud800b', 64), 'a\ufffdb', 'a lone high surrogate is replaced');
  t.equal(fit('\udc00', 64), '\ufffd', 'a lone low surrogate is replaced');
  t.equal(fit('😀😀😀', 2), '😀😀', 'a pair counts once and is never cut in half');
  t.equal(fit('\0\0abc', 2), 'ab', 'what goes does not count');
  t.equal(fit('ü'.repeat(70), 64), 'ü'.repeat(64));
  t.equal(fit('x'.repeat(10_000), Number.POSITIVE_INFINITY).length, 10_000);
});

t.test('any name stays one SQL identifier', async (t) => {
  t.equal(quoteIdentifier('cc_agents'), '"cc_agents"');
  t.equal(quoteIdentifier('a"; drop table x; --'), '"a""; drop table x; --"');
  t.equal(quoteIdentifier('my.agents'), '"my.agents"');
});

t.test('moments are written in the local time of the zone', async (t) => {
  const berlin = localTimeWriter('Europe/Berlin');
  t.equal(berlin(Date.UTC(2026, 0, 15, 12, 0, 0, 999)), '2026-01-15 13:00:00', 'winter, whole seconds');
  t.equal(berlin(Date.UTC(2026, 6, 15, 12, 0, 0)), '2026-07-15 14:00:00', 'summer');
  t.equal(berlin(Date.UTC(2026, 2, 29, 0, 59, 59)), '2026-03-29 01:59:59', 'last second of winter time');
  t.equal(berlin(Date.UTC(2026, 2, 29, 1, 0, 0)), '2026-03-29 03:00:00', 'first second of summer time');
  t.equal(localTimeWriter('Asia/Kathmandu')(Date.UTC(2026, 0, 1)), '2026-01-01 05:45:00');
  t.equal(localTimeWriter('America/New_York')(Date.UTC(2026, 0, 1)), '2025-12-31 19:00:00', 'the day before');
  const now = new Date(2026, 4, 6, 7, 8, 9);
  t.equal(localTimeWriter(undefined)(now.getTime()), '2026-05-06 07:08:09', "the system's zone");
  t.throws(
    () => localTimeWriter('Mars/Olympus'),
    new StoreError("sql.timezone: 'Mars/Olympus' is not a time zone (expected a name like Europe/Berlin)"),
  );
});

t.test('a location or message is a SIP URI', async (t) => {
  for (const good of [
    'sip:agent@example.com',
    'sips:agent:secret@example.com:5061;transport=tls',
    'sip:10.0.0.1',
    'sip:moh@[2001:db8::1]:5060',
    'SIP:queue@media.local;cause=1?X-Queue=a%20b',
  ]) {
    t.ok(isSipUri(good), good);
  }
  for (const bad of [
    '',
    'agent',
    'tel:+4930',
    'sip:',
    'sip:@host',
    'sip:a b@host',
    '<sip:a@host>',
    'sip:a@host:0',
    'sip:a@host:70000',
    'sip:a@ho\nst',
  ]) {
    t.notOk(isSipUri(bad), JSON.stringify(bad));
  }
});
