/**
 * Errors of kafkajs that do not say so: what a cluster answers, or leaves out, makes it fail with a
 * TypeError or a RangeError of its own, which is no bug of ours, and passes.
 *
 * Where an error was thrown tells: a handler of ours that kafkajs calls fails in our code.
 */

/** A frame of the runtime's own, such as of Buffer or of a built-in. */
const RUNTIME_FRAME = /\b(ext:|node:)|<anonymous>|\(native/;
const KAFKAJS_FRAME = /[\\/]kafkajs[\\/](\d[^\\/]*[\\/])?(src[\\/]|index\.js)/;

/** Whether the code that threw is kafkajs's. */
export function isThrownByKafkajs(error: unknown): boolean {
  if (!(error instanceof Error) || error.stack === undefined) return false;
  const thrower = error.stack.split("\n")
    .find((line) => /^\s+at /.test(line) && !RUNTIME_FRAME.test(line));
  return thrower !== undefined && KAFKAJS_FRAME.test(thrower);
}

/** How often the same is told. */
const TELL_EVERY_MS = 60_000;

/**
 * Lets the process go on after what kafkajs throws where nobody can catch it: in its timers and
 * sockets, and in promises that nobody awaits. Everything else ends it, as before.
 *
 * @param onError told of each error, once a minute
 * @returns ends it
 */
export function outliveKafkajs(onError: (error: Error) => void): () => void {
  const toldAt = new Map<string, number>();
  const survive = (event: Event, error: unknown) => {
    const isKafkas = error instanceof Error &&
      (error.name.startsWith("KafkaJS") || isThrownByKafkajs(error));
    if (!isKafkas) return;
    event.preventDefault();
    const now = performance.now();
    if (now - (toldAt.get(error.message) ?? -Infinity) < TELL_EVERY_MS) return;
    // Messages may hold numbers: few are remembered.
    if (toldAt.size > 20) toldAt.clear();
    toldAt.set(error.message, now);
    onError(error);
  };
  const onRejection = (event: PromiseRejectionEvent) => survive(event, event.reason);
  const onUncaught = (event: ErrorEvent) => survive(event, event.error);
  addEventListener("unhandledrejection", onRejection);
  addEventListener("error", onUncaught);
  return () => {
    removeEventListener("unhandledrejection", onRejection);
    removeEventListener("error", onUncaught);
  };
}
