/** Waiting in tests: for what will happen, with an error that says what did not. */

/** The promise's value; rejects with `what` when it has not settled within `limit_ms`. */
export async function within<T>(promise: Promise<T>, what: string, limit_ms = 20_000): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`did not happen within ${limit_ms} ms: ${what}`)), limit_ms);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** Asks again and again until the answer fits; rejects with `what` when it has not within `limit_ms`. */
export async function eventually<T>(
  ask: () => Promise<T>,
  fits: (answer: T) => boolean,
  what: string,
  limit_ms = 20_000,
): Promise<T> {
  const end_ms = performance.now() + limit_ms;
  for (;;) {
    const answer = await ask();
    if (fits(answer)) return answer;
    if (performance.now() > end_ms) {
      throw new Error(`did not happen within ${limit_ms} ms: ${what}; last seen ${JSON.stringify(answer)}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
