/** A broker for integration tests: in a temporary directory, on a free port, gone after the test. */
import { type Broker, startBroker } from "./broker.ts";
import type { ServerSettings } from "./kafka/server_settings.ts";

/** `await using broker = await startTestBroker()` removes it at the end of the block. */
export type TestBroker = Broker & AsyncDisposable;

/**
 * Starts a broker with the jars of this checkout. End it with `remove()`. After `stop()` or `kill()`
 * its data is kept, because a test may start it again, and is deleted when the test file ends.
 *
 * @param overrides settings of the server
 */
export async function startTestBroker(overrides: ServerSettings = {}): Promise<TestBroker> {
  const directory = await Deno.makeTempDir({ prefix: "orderflow-kafka-" });
  globalThis.addEventListener("unload", () => removeNow(directory));
  const broker = await startBroker({ directory, port: 0, overrides });
  return Object.defineProperty(broker, Symbol.asyncDispose, {
    value: () => broker.remove(),
  }) as TestBroker;
}

function removeNow(directory: string): void {
  try {
    Deno.removeSync(directory, { recursive: true });
  } catch { /* removed already */ }
}
