import t from 'tap';
import { decisionCodec, eventCodec, recordCodec, reportCodec } from '../../ipc/catalogue.js';
import type { Codec } from '../../ipc/codec.js';
import { DECISIONS, EVENTS, RECORDS, REPORTS } from './samples.js';

function bytesOf<T>(codec: Codec<T>, seq: number, message: T): Buffer {
  const encoded = codec.encode(seq, message);
  return Buffer.from(encoded.subarray(encoded.start, encoded.end));
}

function roundTrip<T>(codec: Codec<T>, seq: number, message: T) {
  const bytes = bytesOf(codec, seq, message);
  return codec.decode(bytes, bytes.length, 'test');
}

t.test('every kind of message arrives as it was sent, with its number', async (t) => {
  for (const message of Object.values(REPORTS)) {
    t.strictSame(roundTrip(reportCodec, 1, message), { seq: 1, message }, message.kind);
  }
  for (const message of Object.values(DECISIONS)) {
    t.strictSame(roundTrip(decisionCodec, 2 ** 40, message), { seq: 2 ** 40, message }, message.kind);
  }
  for (const message of Object.values(RECORDS)) {
    t.strictSame(roundTrip(recordCodec, 3, message), { seq: 3, message }, message.kind);
  }
  for (const message of Object.values(EVENTS)) {
    t.strictSame(roundTrip(eventCodec, 4, message), { seq: 4, message }, message.kind);
  }
});

t.test('a caller without a usable user part stays without one', async (t) => {
  const message = { ...REPORTS.arrived, caller_user: undefined };
  t.strictSame(roundTrip(reportCodec, 1, message).message, message);
});

t.test('text of any length and script arrives unchanged', async (t) => {
  for (const why of ['', 'a\0b\r\n', 'é', '🙂'.repeat(50), '漢字'.repeat(9_000), 'x'.repeat(70_000)]) {
    const message = { ...REPORTS.call_lost, why };
    t.ok(
      (roundTrip(reportCodec, 1, message).message as typeof message).why === why,
      `${why.length} characters`,
    );
  }
});

t.test('a lone surrogate is replaced and harms nothing around it', async (t) => {
  for (const why of ['a\ud800b', `${'x'.repeat(100)}\udc00y`]) {
    const message = { ...REPORTS.call_lost, why };
    const result = roundTrip(reportCodec, 1, message).message as typeof message;
    t.match(result.why, /^[ax]+\ufffd+[by]$/);
    t.strictSame({ ...result, why }, message);
  }
});

t.test('what is no message of the link is refused by the name of the link', async (t) => {
  const good = bytesOf(reportCodec, 1, REPORTS.arrived);
  const refused = (bytes: Buffer, text: RegExp) =>
    t.throws(() => reportCodec.decode(bytes, bytes.length, 'worker 2 to dispatcher'), {
      message: text,
    });
  refused(good.subarray(0, good.length - 1), /worker 2 to dispatcher: a record is no msgpack/);
  refused(Buffer.alloc(0), /worker 2 to dispatcher/);
  refused(Buffer.from([7]), /worker 2 to dispatcher: a record is no array/);
  refused(bytesOf(decisionCodec, 1, DECISIONS.drop), /worker 2 to dispatcher: a record has no known kind/);
  refused(Buffer.from([0x93, 11, 1, 0xa0]), /worker 2 to dispatcher: a record lacks fields/);
  refused(Buffer.from([0x94, 11, 1, 5, 5]), /worker 2 to dispatcher: a record has a bad call/);
  refused(Buffer.from([0x95, 6, 1, 0xa0, 5, 9]), /worker 2 to dispatcher: a record has a bad how/);
  t.strictSame(reportCodec.decode(good, good.length, 'x').message, REPORTS.arrived, 'the next one is read');
});
