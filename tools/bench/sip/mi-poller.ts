/** A thread that asks an engine's MI for its lists, so many times a second, and says what it got. */
import { parentPort, workerData } from 'node:worker_threads';

export interface PollerData {
  url: string;
  /** Requests a second, to these methods in turn. */
  rate: number;
  methods: readonly string[];
}

/** What came of one request. */
export interface Polled {
  ok: boolean;
  bytes: number;
  took_ms: number;
}

function poll({ url, rate, methods }: PollerData): void {
  let count = 0;
  const timer = setInterval(() => void ask(url, methods[count++ % methods.length] as string), 1000 / rate);
  parentPort!.once('message', () => clearInterval(timer));
}

async function ask(url: string, method: string): Promise<void> {
  const start_ms = performance.now();
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({ jsonrpc: '2.0', id: 1, method }),
  });
  const { byteLength } = await response.arrayBuffer();
  const polled: Polled = { ok: response.ok, bytes: byteLength, took_ms: performance.now() - start_ms };
  parentPort!.postMessage(polled);
}

if (parentPort !== null) poll(workerData as PollerData);
