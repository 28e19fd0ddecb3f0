/**
 * The behaviour of calls once more, with an engine that dies after every single message and decision and comes
 * back from what it recorded: no peer can tell the difference.
 */
process.env.SIP_ACD_TEST_MORTAL = '1';

await import('./first-destination.test.js');
await import('./routing-time.test.js');
await import('./moving.test.js');
await import('./crossing.test.js');
await import('./inside-dialog.test.js');
await import('./session-timer.test.js');
await import('./chat.test.js');
await import('./announcement.test.js');
await import('./transfer.test.js');
await import('./caller-transfer.test.js');
await import('./strays.test.js');
await import('./replaces.test.js');
await import('./leg-headers.test.js');
await import('./referring.test.js');
await import('./random-calls.test.js');

export {};
