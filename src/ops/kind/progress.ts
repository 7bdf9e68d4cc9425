/** Says now and then what a long wait is for: the pods that are not ready. */
import { pause } from "../../runtime/stop.ts";
import type { Cluster, Pod } from "./cluster.ts";

const EVERY_MS = 5_000;

function isReady({ status: { phase, conditions = [] } }: Pod): boolean {
  return phase === "Succeeded" ||
    conditions.some(({ type, status }) => type === "Ready" && status === "True");
}

/** Waits for `work`; meanwhile prints a line whenever what is waited for changes. */
export async function whileWaiting<T>(cluster: Cluster, work: Promise<T>): Promise<void> {
  const stop = new AbortController();
  const done = work.finally(() => stop.abort());
  // Its failure is the caller's, below.
  done.catch(() => {});
  let last = "";
  while (!stop.signal.aborted) {
    await pause(EVERY_MS, stop.signal);
    if (stop.signal.aborted) break;
    const pods = await cluster.pods("").catch(() => []);
    const missing = pods.filter((pod) => !isReady(pod)).map(({ metadata }) => metadata.name);
    const line = `  ${pods.length - missing.length} of ${pods.length} pods ready` +
      (missing.length > 0 ? `; not yet: ${missing.join(", ")}` : "");
    if (line !== last) console.log(line);
    last = line;
  }
  await done;
}
