/**
 * When to stop: the first SIGINT or SIGTERM, or, for a process that a supervisor started with a pipe
 * to its standard input, the end of that pipe, so that no orphan survives its supervisor's death.
 */

/**
 * One press of Ctrl-C arrives up to three times: the terminal tells every process of the group, and
 * `npx` and `deno task` pass on what they were told. Signals this close to the first are the same press.
 */
const SAME_PRESS_MS = 1_000;

/**
 * Aborts, with the cause as the reason, when this process should stop. A second signal, later on, ends
 * the process at once: that is what a person means who presses Ctrl-C twice.
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
      for await (const _ of Deno.stdin.readable) { /* what it says does not matter */ }
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

/** Resolves to whether `work` settled within `ms`; what it resolves or rejects to is dropped. */
export async function settlesWithin(work: Promise<unknown>, ms: number): Promise<boolean> {
  const timeout = new AbortController();
  const settled = work.then(() => true, () => true);
  const late = pause(ms, timeout.signal).then(() => false);
  const result = await Promise.race([settled, late]);
  timeout.abort();
  return result;
}
