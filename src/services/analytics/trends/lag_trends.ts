/** How far behind each group was over time, in messages and in time: the most in each window. */
import type { Service } from "../../../topology.ts";
import { RangedWindows, type RangeName, type Track } from "./ranges.ts";

interface Most {
  messages: number;
  ms: number;
}

export class LagTrends {
  readonly #windows = new RangedWindows<Map<Service, Most>>(
    () => new Map(),
    (lags) => lags.clear(),
    (into, from) => {
      for (const [service, lag] of from) note(into, service, lag);
    },
  );
  readonly #services = new Set<Service>();

  /** Takes one sample of all groups. */
  sample(
    atMs: number,
    groups: readonly { readonly service: Service; readonly lag: Readonly<Most> }[],
  ): void {
    for (const { service } of groups) this.#services.add(service);
    this.#windows.count(atMs, (lags) => {
      for (const { service, lag } of groups) note(lags, service, lag);
    });
  }

  /** Null where no sample was taken. */
  tracks(nowMs: number): Record<RangeName, Track> {
    return this.#windows.tracks(nowMs, (windows) =>
      Object.fromEntries(
        [...this.#services].flatMap((service) => [
          [`${service} messages`, windows.map((lags) => lags?.get(service)?.messages ?? null)],
          [`${service} ms`, windows.map((lags) => lags?.get(service)?.ms ?? null)],
        ]),
      ));
  }
}

function note(lags: Map<Service, Most>, service: Service, { messages, ms }: Readonly<Most>): void {
  const most = lags.get(service);
  if (!most) lags.set(service, { messages, ms });
  else {
    most.messages = Math.max(most.messages, messages);
    most.ms = Math.max(most.ms, ms);
  }
}
