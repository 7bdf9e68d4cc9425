/**
 * When to stop: at the first SIGINT or SIGTERM. A process whose supervisor holds a pipe to its standard
 * input also stops at the end of that pipe, so that it does not become an orphan.
 */

/**
 * One press of Ctrl-C arrives up to three times: the terminal sends it to every process of the group, and
 * `npx` and `deno task` pass it on. Signals this close to the first are the same press.
 */
const SAME_PRESS_MS = 1_000;

/**
 * Aborts when this process should stop; the reason is the cause. A second signal, later on, ends the
 * process at once, as expected of a second Ctrl-C.
 *
 * @param options.stdin also stop when standard input ends
 */
export function stopSignal(options: { stdin: boolean }): AbortSignal {
  const controller = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const onSignal = () => {
      controller.abort(signal);
      // After this press the signal has its default effect.
      timer ??= setTimeout(() => Deno.removeSignalListener(signal, onSignal), SAME_PRESS_MS);
    };
    Deno.addSignalListener(signal, onSignal);
  }
  if (options.stdin) {
    void (async () => {
      for await (const _ of Deno.stdin.readable) { /* its content does not matter */ }
      controller.abort("the supervisor is gone");
    })();
  }
  return controller.signal;
}

/** Resolves when `signal` aborts. */
export function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve(), { once: true });
  });
}

/** Resolves after `ms`, or at once when `signal` aborts. */
export function pause(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted) return resolve();
    const done = () => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal?.addEventListener("abort", done, { once: true });
  });
}

/** Resolves to whether `work` settled within `ms`; its result or error is dropped. */
export function settlesWithin(work: Promise<unknown>, ms: number): Promise<boolean> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => resolve(false), ms);
    const settled = () => {
      clearTimeout(timer);
      resolve(true);
    };
    work.then(settled, settled);
  });
}

/**
 * Does all of `works` at once, and resolves when all have ended.
 *
 * @param onFailure told as soon as the first one has failed: the others may give up
 * @throws what failed first
 */
export async function sideBySide(
  works: readonly (() => Promise<unknown>)[],
  onFailure: () => void,
): Promise<void> {
  const failures: unknown[] = [];
  const atWork = works.map((work) =>
    work().catch((error) => {
      if (failures.push(error) === 1) onFailure();
    })
  );
  await Promise.all(atWork);
  if (failures.length > 0) throw failures[0];
}
