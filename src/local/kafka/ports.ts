/** Free ports of the loopback interface. */
import { Failure } from "../../runtime/errors.ts";

export const LOOPBACK = "127.0.0.1";

/**
 * Below the range from which Linux and macOS take the ports of outgoing connections: a client that
 * keeps trying while the broker is down could otherwise be given the broker's own port, and keep it.
 */
const LOWEST = 20_000;
const HIGHEST = 32_000;
const MAX_TRIES = 100;

/** Whether `port` is free. */
export async function isFree(port: number): Promise<boolean> {
  // macOS lets one listen on 127.0.0.1 where another listens on all addresses: ask first.
  try {
    (await Deno.connect({ hostname: LOOPBACK, port })).close();
    return false;
  } catch { /* no answer */ }
  try {
    Deno.listen({ hostname: LOOPBACK, port }).close();
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.AddrInUse) return false;
    throw error;
  }
}

/**
 * A free port, drawn at random: two processes that ask at once hardly get the same.
 *
 * @param except ports that were drawn already, and are still free
 */
export async function freePort(...except: readonly number[]): Promise<number> {
  for (let tries = 0; tries < MAX_TRIES; tries++) {
    const port = LOWEST + Math.floor(Math.random() * (HIGHEST - LOWEST));
    if (!except.includes(port) && await isFree(port)) return port;
  }
  throw new Failure(`no free port was found between ${LOWEST} and ${HIGHEST}`);
}

/** @throws {Failure} `port` is taken; the message names a way out */
export async function checkFree(port: number): Promise<void> {
  if (await isFree(port)) return;
  throw new Failure(
    `port ${port} is taken: stop what listens there (another broker?), or set another port, ` +
      `such as KAFKA_BROKERS=${LOOPBACK}:${await freePort()}`,
  );
}
