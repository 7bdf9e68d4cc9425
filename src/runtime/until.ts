import { pause } from "./shutdown.ts";

/**
 * Waits until `condition` holds.
 *
 * @param what is waited for, for the error
 * @param everyMs how long it waits before it asks again
 * @throws {Error} it did not hold within `limitMs`
 */
export async function until(
  what: string,
  condition: () => boolean | Promise<boolean>,
  limitMs = 30_000,
  everyMs = 50,
): Promise<void> {
  const deadline = performance.now() + limitMs;
  while (!await condition()) {
    if (performance.now() > deadline) throw new Error(`not within ${limitMs} ms: ${what}`);
    await pause(everyMs);
  }
}
