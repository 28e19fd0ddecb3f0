/**
 * Fuzzing of the message layer: real messages damaged at random and messages made by the grammar are parsed, read,
 * answered and written again; then such datagrams come to a whole centre in the middle of its calls.
 */
import type { SipRequest, SipResponse } from '../../../core/sip/message.js';
import { parseMessage } from '../../../core/sip/parser.js';
import { Dice } from '../dice.js';
import { simulate } from '../simulate.js';
import { World } from '../world.js';
import { generate } from './grammar.js';
import { type Growth, growthOf, growths, leastTime_ms } from './growth.js';
import { mutate } from './mutation.js';
import { readEverything } from './read.js';
import { isWritable, reading, rewrite } from './rewrite.js';

/** Calls of the simulation that the real messages are taken from, and how many of these are kept. */
const SAMPLE_CALLS = 60;
const SAMPLES = 1_500;
/** Per cent of messages made by the grammar, and of those that are damaged as well. */
const BY_GRAMMAR = 40;
const GRAMMAR_DAMAGED = 50;
/** So many of the slowest are read again alone. */
const SLOWEST = 50;
const TRIES = 7;
/** So many messages of the fuzzing stand for one call of the centre that gets damaged datagrams. */
const MESSAGES_A_CALL = 500;
const MOST_CALLS = 2_000;
/** Failures are shown up to here. */
const MOST_FAILURES = 20;
/** The slowest message may take so long alone. */
const MOST_MS = 5;
/** Twice the message, twice the time, and what measuring may be off by. */
const MOST_GROWTH = 2.03;

export interface FuzzResult {
  seed: number;
  messages: number;
  /** How many the parser took. */
  read: number;
  /** How many were written again and read the same. */
  rewritten: number;
  /** What was thrown, or read differently the second time. */
  errors: number;
  slowest_ms: number;
  /** Largest factor by which the time grew as a message doubled. */
  growth: number;
  /** Calls of the centre that got damaged datagrams, and whether anything broke there. */
  calls: number;
  violations: number;
  wall_seconds: number;
}

export interface FuzzedMessages {
  read: number;
  rewritten: number;
  errors: number;
  /** The first of them, for people. */
  failures: string[];
  slowest: string[];
}

interface Fuzzed {
  result: FuzzResult;
  /** What went wrong, for people. */
  failures: string[];
}

/** @param clock_ms a clock fine enough to time one message */
export async function fuzz(seed: number, messages: number, clock_ms: () => number): Promise<Fuzzed> {
  const began_ms = clock_ms();
  const { errors, failures, read, rewritten, slowest } = await fuzzMessages(seed, messages, clock_ms);
  const slowest_ms = Math.max(0, ...slowest.map((text) => leastTime_ms(text, clock_ms, TRIES)));
  if (slowest_ms > MOST_MS) failures.push(`${slowest_ms} ms for one message`);
  const growth = worstGrowth(clock_ms, failures);
  const calls = Math.min(MOST_CALLS, Math.ceil(messages / MESSAGES_A_CALL));
  const centre = await simulate({ seed, calls, faults: 'all', damage: mutate }, clock_ms);
  if (centre.failure !== undefined) failures.push(...centre.failure.last, centre.failure.check);
  const result = {
    seed,
    messages,
    read,
    rewritten,
    errors,
    slowest_ms: round(slowest_ms, 1000),
    growth: round(growth, 100),
    calls,
    violations: centre.result.violations,
    wall_seconds: round((clock_ms() - began_ms) / 1000, 100),
  };
  return { result, failures };
}

/** Real messages: what a centre's phones and its engine say in some calls. */
async function samples(seed: number): Promise<string[]> {
  const texts = new Set<string>();
  const world = new World({ seed, calls: SAMPLE_CALLS, faults: 'none', datagram: (text) => texts.add(text) });
  await world.run();
  const all = [...texts];
  const step = Math.max(1, Math.floor(all.length / SAMPLES));
  return all.filter((_, index) => index % step === 0);
}

/** The messages alone: each is read from end to end, answered, written again and read once more. */
export async function fuzzMessages(
  seed: number,
  messages: number,
  clock_ms: () => number,
): Promise<FuzzedMessages> {
  const dice = new Dice(seed ^ 0x7f4a7c15);
  const real = await samples(seed);
  const slowest = new Slowest();
  const failures: string[] = [];
  let read = 0;
  let rewritten = 0;
  let errors = 0;
  for (let n = 0; n < messages; n++) {
    const text = draw(dice, real);
    try {
      const began_ms = clock_ms();
      const message = readEverything(text);
      slowest.add(text, clock_ms() - began_ms);
      if (message === undefined) continue;
      read++;
      if (!isWritable(message)) continue;
      rewritten++;
      againTheSame(message);
    } catch (error) {
      // Whatever is thrown is what is looked for.
      errors++;
      const why = error instanceof Error ? (error.stack ?? error.message) : String(error);
      if (failures.length < MOST_FAILURES) failures.push(`message ${n}: ${JSON.stringify(text)}\n${why}`);
    }
  }
  return { read, rewritten, errors, failures, slowest: slowest.texts };
}

function draw(dice: Dice, real: readonly string[]): string {
  if (!dice.chance(BY_GRAMMAR)) return mutate(dice.pick(real), dice.pick(real), dice);
  const made = generate(dice);
  return dice.chance(GRAMMAR_DAMAGED) ? mutate(made, dice.pick(real), dice) : made;
}

/** Parse of serialize of parse equals parse. */
function againTheSame(message: SipRequest | SipResponse): void {
  const text = rewrite(message);
  const again = parseMessage(text);
  if (again.kind === 'failure')
    throw new Error(`${again.reason} when written again: ${JSON.stringify(text)}`);
  const [before, after] = [reading(message), reading(again)];
  if (before !== after) throw new Error(`read differently when written again:\n${before}\n${after}`);
}

/** The messages that took longest. */
class Slowest {
  private readonly kept: { text: string; took_ms: number }[] = [];
  private least_ms = 0;

  add(text: string, took_ms: number): void {
    if (this.kept.length >= SLOWEST && took_ms <= this.least_ms) return;
    this.kept.push({ text, took_ms });
    if (this.kept.length < 2 * SLOWEST) return;
    this.kept.sort((a, b) => b.took_ms - a.took_ms);
    this.kept.length = SLOWEST;
    this.least_ms = this.kept[SLOWEST - 1]?.took_ms ?? 0;
  }

  get texts(): string[] {
    return this.kept.map(({ text }) => text);
  }
}

/** The largest factor by which the time grows as a message doubles. */
function worstGrowth(clock_ms: () => number, failures: string[]): number {
  let worst = 0;
  const suspects: Growth[] = [];
  for (const growing of growths()) {
    const factor = growthOf(growing, clock_ms, MOST_GROWTH);
    if (factor > MOST_GROWTH) suspects.push(growing);
    else worst = Math.max(worst, factor);
  }
  // Once more when the compiler has seen all of them.
  for (const growing of suspects) {
    const factor = growthOf(growing, clock_ms, MOST_GROWTH);
    worst = Math.max(worst, factor);
    if (factor > MOST_GROWTH)
      failures.push(`${growing.name}: twice the message took ${round(factor, 100)} times as long`);
  }
  return worst;
}

function round(value: number, parts: number): number {
  return Math.round(value * parts) / parts;
}
