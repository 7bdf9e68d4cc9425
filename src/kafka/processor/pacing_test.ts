import { assert, assertEquals } from "@std/assert";
import { aborted, settlesWithin } from "../../runtime/shutdown.ts";
import type { Service } from "../../topology.ts";
import { Pacing } from "./pacing.ts";

/** For what would wait forever. */
const LIMIT_MS = 20_000;
const NEVER = new AbortController().signal;
const LAST = { bytes: 1, hasMore: false };
const MORE = { bytes: 1, hasMore: true };

/** @param waiting for the next transaction; changed by `wait` */
function pacingOf(service: Service, waiting = 0) {
  const pacing = new Pacing(service, () => waiting);
  const wait = (count: number) => {
    waiting = count;
    pacing.check();
  };
  return { pacing, wait };
}

/** Whether it has resolved when all that is at work in this turn is done. */
function isResolved(work: Promise<unknown>): Promise<boolean> {
  return settlesWithin(work, 0);
}

/** A batch in hand, at work. */
function takeOne(pacing: Pacing, batch: Parameters<Pacing["take"]>[0] = LAST, signal = NEVER) {
  const { promise, resolve } = Promise.withResolvers<void>();
  const nextFetch = pacing.take(batch, (begin) => {
    begin();
    return promise;
  }, signal);
  return { nextFetch, end: resolve };
}

Deno.test("Pacing: a transaction waits for each batch at work, until it waits, too, or ends", async () => {
  const { pacing, wait } = pacingOf("validator");
  const [, second] = [1, 2, 3].map(() => takeOne(pacing));
  wait(1);
  const gathered = pacing.gathered();
  assertEquals(await isResolved(gathered), false);
  // Nothing is to be committed of this one.
  second!.end();
  assertEquals(await isResolved(gathered), false);
  wait(2);
  assert(await isResolved(gathered));
});

Deno.test("Pacing: a transaction waits for no batch where none is at work", async () => {
  const { pacing, wait } = pacingOf("validator");
  // Its turn comes when the one before it has ended.
  void pacing.take(LAST, () => aborted(NEVER), NEVER);
  wait(1);
  assert(await isResolved(pacing.gathered()));
});

Deno.test("Pacing: a slow batch goes into a later transaction", async () => {
  const { pacing, wait } = pacingOf("validator");
  for (let i = 0; i < 2; i++) takeOne(pacing);
  wait(1);
  assert(await settlesWithin(pacing.gathered(), LIMIT_MS));
});

for (const service of ["validator", "inventory"] as const) {
  Deno.test(`Pacing: the ${service}'s next fetch keeps a distance from the last transaction`, async () => {
    const { pacing } = pacingOf(service);
    const first = takeOne(pacing);
    first.end();
    // After a rest, at once.
    assert(await isResolved(first.nextFetch));
    const second = takeOne(pacing);
    pacing.began();
    second.end();
    assertEquals(await isResolved(second.nextFetch), false);
    assert(await settlesWithin(second.nextFetch, LIMIT_MS));
  });
}

Deno.test("Pacing: who stops waits for no distance", async () => {
  const { pacing } = pacingOf("validator");
  const revocation = new AbortController();
  const { nextFetch, end } = takeOne(pacing, LAST, revocation.signal);
  pacing.began();
  end();
  assertEquals(await isResolved(nextFetch), false);
  revocation.abort();
  assert(await isResolved(nextFetch));
});

Deno.test("Pacing: where nothing more is known to wait, a fetch waits for all batches in hand", async () => {
  const { pacing } = pacingOf("validator");
  const [first, second] = [takeOne(pacing), takeOne(pacing)];
  first.end();
  assert(await isResolved(first.nextFetch));
  assertEquals(await isResolved(second.nextFetch), false);
});

Deno.test("Pacing: where more waits, the next fetch goes on while batches are at work, without a distance", async () => {
  const { pacing } = pacingOf("validator");
  pacing.began();
  const batches = [takeOne(pacing, LAST), takeOne(pacing, MORE)];
  for (const { nextFetch } of batches) assert(await isResolved(nextFetch));
  pacing.began();
  for (const { end } of batches) end();
  const next = takeOne(pacing, LAST);
  next.end();
  assert(await isResolved(next.nextFetch));
});

Deno.test("Pacing: no fetch goes on while a batch waits for the one before it", async () => {
  const { pacing } = pacingOf("validator");
  let begin = () => {};
  const next = pacing.take(MORE, (ready) => {
    begin = ready;
    return aborted(NEVER);
  }, NEVER);
  assertEquals(await isResolved(next), false);
  begin();
  assert(await isResolved(next));
});

Deno.test("Pacing: no fetch goes on while much is in hand", async () => {
  const { pacing } = pacingOf("validator");
  const large = { bytes: 2 * 1024 * 1024, hasMore: true };
  const first = takeOne(pacing, large);
  assert(await isResolved(first.nextFetch));
  const second = takeOne(pacing, large);
  assertEquals(await isResolved(second.nextFetch), false);
  first.end();
  assert(await isResolved(second.nextFetch));
});
