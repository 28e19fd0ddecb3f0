import t from 'tap';
import {
  alignTo,
  allPortsZero,
  extendTo,
  rejectAll,
  sameSession,
  sdpKind,
  sdpMedia,
  withOrigin,
} from '../../core/sip/sdp.js';

const head = ['v=0', 'o=alice 1 1 IN IP4 192.0.2.10', 's=-', 'c=IN IP4 192.0.2.10', 't=0 0'];
const audio = ['m=audio 49172 RTP/AVP 0 101', 'a=rtpmap:0 PCMU/8000', 'a=sendrecv'];
const video = ['m=video 49174/2 RTP/AVP 96', 'a=rtpmap:96 H264/90000'];
const chat = ['m=message 2855 TCP/MSRP *', 'a=path:msrp://192.0.2.10:2855/s1;tcp'];
const sdp = (...parts: string[][]) =>
  parts
    .flat()
    .map((line) => `${line}\r\n`)
    .join('');

t.test('the streams of an SDP', async (t) => {
  t.strictSame(sdpMedia(sdp(head, audio, video)), [
    { media: 'audio', port: 49172, protocol: 'RTP/AVP', line: 'm=audio 49172 RTP/AVP 0 101' },
    { media: 'video', port: 49174, protocol: 'RTP/AVP', line: 'm=video 49174/2 RTP/AVP 96' },
  ]);
  t.strictSame(sdpMedia('m=\nm=audio\nm=audio x RTP/AVP 0'), [
    { media: '', port: 0, protocol: '', line: 'm=' },
    { media: 'audio', port: 0, protocol: '', line: 'm=audio' },
    { media: 'audio', port: 0, protocol: 'RTP/AVP', line: 'm=audio x RTP/AVP 0' },
  ]);
  t.strictSame(sdpMedia(''), []);
});

t.test('a session is RTP, MSRP or neither', async (t) => {
  t.equal(sdpKind(sdp(head, audio)), 'rtp');
  t.equal(sdpKind(sdp(head, ['m=audio 5 UDP/TLS/RTP/SAVPF 0'])), 'rtp');
  t.equal(sdpKind(sdp(head, chat)), 'msrp');
  t.equal(sdpKind(sdp(head, chat, audio)), 'rtp');
  t.equal(sdpKind(sdp(head, ['m=audio 0 RTP/AVP 0'], chat)), 'msrp', 'a stream that is off does not count');
  t.equal(sdpKind(sdp(head, ['m=audio 0 RTP/AVP 0'])), 'rtp', 'unless all are');
  t.equal(sdpKind(sdp(head, ['m=image 4000 udptl t38'])), 'none');
  t.equal(sdpKind('garbage'), 'none');
});

t.test('the o= line becomes ours, and nothing else changes', async (t) => {
  const ours = withOrigin(sdp(head, audio), '77', 3, '192.0.2.4');
  t.equal(ours, sdp(['v=0', 'o=- 77 3 IN IP4 192.0.2.4', ...head.slice(2)], audio));
  t.match(withOrigin(sdp(head), '77', 3, '2001:db8::4'), /\r\no=- 77 3 IN IP6 2001:db8::4\r\n/);
  t.equal(withOrigin('v=0\ns=-\n', '1', 1, 'h'), 'v=0\no=- 1 1 IN IP4 h\r\ns=-\n', 'put in when missing');
  t.ok(sameSession(ours, sdp(head, audio)));
  t.notOk(sameSession(sdp(head, audio), sdp(head, video)));
  t.notOk(sameSession(sdp(head, audio), sdp(head, audio).replace('sendrecv', 'sendonly')));
});

t.test('streams are switched off one and all', async (t) => {
  const off = rejectAll(sdp(head, audio, video));
  t.strictSame(mlines(off), ['m=audio 0 RTP/AVP 0 101', 'm=video 0 RTP/AVP 96']);
  t.ok(allPortsZero(off));
  t.notOk(allPortsZero(sdp(head, audio)));
  t.ok(allPortsZero(sdp(head)), 'no stream is no media');
});

const mlines = (text: string) => sdpMedia(text).map((m) => m.line);

t.test("an answer gets the offer's streams in number and order", async (t) => {
  const offVideo = 'm=video 0 RTP/AVP 96';
  t.equal(alignTo(sdp(head, audio), sdp(head, audio)), sdp(head, audio));
  t.strictSame(mlines(alignTo(sdp(head, audio, video), sdp(head, audio))), [audio[0], offVideo]);
  t.strictSame(mlines(alignTo(sdp(head, video, audio), sdp(head, audio))), [offVideo, audio[0]]);
  t.strictSame(mlines(alignTo(sdp(head, audio), sdp(head, audio, video))), [audio[0]], 'surplus is dropped');
  t.strictSame(mlines(alignTo(sdp(head, audio), sdp(head, chat))), ['m=audio 0 RTP/AVP 0 101']);
  const second = ['m=audio 6000 RTP/AVP 8'];
  t.strictSame(mlines(alignTo(sdp(head, audio, audio), sdp(head, second, audio))), [second[0], audio[0]]);
  t.strictSame(
    mlines(alignTo(sdp(head, ['m=audio 0 RTP/AVP 0'], audio), sdp(head, second))),
    ['m=audio 0 RTP/AVP 0', second[0]],
    'a stream that the offer has off stays off (RFC 3264, 6)',
  );
  const noAddress = alignTo(
    sdp(head, audio, video),
    sdp(
      head.filter((l) => !l.startsWith('c=')),
      audio,
      [],
    ),
  );
  t.match(noAddress, /m=video 0 RTP\/AVP 96\r\nc=IN IP4 0\.0\.0\.0\r\n$/, 'each stream has an address');
});

t.test("a new offer keeps the places of the dialog's last one", async (t) => {
  t.strictSame(mlines(extendTo(sdp(head, audio, video), sdp(head, audio))), [
    audio[0],
    'm=video 0 RTP/AVP 96',
  ]);
  t.strictSame(mlines(extendTo(sdp(head, audio), sdp(head, video, audio))), [audio[0], video[0]]);
  t.strictSame(
    mlines(extendTo(sdp(head, ['m=audio 0 RTP/AVP 0']), sdp(head, audio))),
    [audio[0]],
    'and may switch one on',
  );
});

t.test('an answer that rejects all keeps number, order and time', async (t) => {
  const answer = rejectAll(sdp(['v=0', 'o=x 1 1 IN IP4 h', 's=x', 't=5 6'], audio, chat));
  t.strictSame(mlines(answer), ['m=audio 0 RTP/AVP 0 101', 'm=message 0 TCP/MSRP *']);
  t.match(answer, /\r\nt=5 6\r\n/);
  t.match(answer, /^v=0\r\no=- 0 0 IN IP4 0\.0\.0\.0\r\ns=-\r\n/);
  t.ok(allPortsZero(answer));
});

t.test('thousands of streams, lines without ends: nothing throws or crawls', async (t) => {
  const huge = sdp(head, new Array<string>(8000).fill('m=a 1 RTP x'));
  const other = sdp(head, new Array<string>(8000).fill('m=b 1 RTP x'));
  t.equal(sdpMedia(alignTo(huge, other)).length, 8000);
  t.equal(sdpMedia(extendTo(huge, other)).length, 16000);
  for (const odd of ['', '\n', 'm=', 'm=\r', 'o=', 'v=', 'm=audio 1', '\nm=audio 1 x\n\n', 'o=x', '\r\r\n']) {
    for (const other of ['', odd, sdp(head, audio)]) {
      t.equal(sdpMedia(alignTo(odd, other)).length, sdpMedia(odd).length);
      t.ok(allPortsZero(rejectAll(odd)));
      t.ok(sameSession(withOrigin(odd, '1', 1, 'h'), withOrigin(odd, '2', 2, 'h')));
      t.equal(sdpMedia(rejectAll(odd)).length, sdpMedia(odd).length);
    }
  }
});
