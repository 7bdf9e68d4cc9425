import { assert, assertEquals } from "@std/assert";
import { aborted, settlesWithin } from "../../runtime/shutdown.ts";
import type { Service } from "../../topology.ts";
import { Pacing } from "./pacing.ts";

/** For what would wait forever. */
const LIMIT_MS = 20_000;
const NEVER = new AbortController().signal;

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

Deno.test("Pacing: a transaction waits for each batch at work, until it waits, too, or ends", async () => {
  const { pacing, wait } = pacingOf("validator");
  const [first, second, third] = [1, 2, 3].map(() => Promise.withResolvers<void>());
  for (const batch of [first!, second!, third!]) void pacing.during(() => batch.promise);
  wait(1);
  const gathered = pacing.gathered();
  assertEquals(await isResolved(gathered), false);
  // Nothing is to be committed of this one.
  second!.resolve();
  assertEquals(await isResolved(gathered), false);
  wait(2);
  assert(await isResolved(gathered));
});

Deno.test("Pacing: a transaction waits for no batch where none is at work", async () => {
  const { pacing, wait } = pacingOf("validator");
  wait(1);
  assert(await isResolved(pacing.gathered()));
});

Deno.test("Pacing: a batch that fails is not waited for", async () => {
  const { pacing, wait } = pacingOf("validator");
  const { promise, reject } = Promise.withResolvers<void>();
  const failed = pacing.during(() => promise).catch(() => "failed");
  void pacing.during(() => aborted(NEVER));
  wait(1);
  const gathered = pacing.gathered();
  reject(new Error("no"));
  assertEquals(await failed, "failed");
  assert(await isResolved(gathered));
});

Deno.test("Pacing: a slow batch goes into a later transaction", async () => {
  const { pacing, wait } = pacingOf("validator");
  for (let i = 0; i < 2; i++) void pacing.during(() => aborted(NEVER));
  wait(1);
  assert(await settlesWithin(pacing.gathered(), LIMIT_MS));
});

for (const service of ["validator", "inventory"] satisfies Service[]) {
  Deno.test(`Pacing: ${service}: the first transaction begins at once, the next one after a pause`, async () => {
    const { pacing } = pacingOf(service);
    assert(await isResolved(pacing.untilNext(NEVER)));
    pacing.began();
    const next = pacing.untilNext(NEVER);
    assertEquals(await isResolved(next), false);
    assert(await settlesWithin(next, LIMIT_MS));
  });
}

Deno.test("Pacing: the pause ends when the member has to stop", async () => {
  const { pacing } = pacingOf("validator");
  const revocation = new AbortController();
  pacing.began();
  const next = pacing.untilNext(revocation.signal);
  revocation.abort();
  assert(await isResolved(next));
});
