/**
 * Messages to events, for readers that publish nothing: what cannot be decoded is counted and reported at
 * most once a minute, and stops no reader.
 */
import { decode } from "../../events/codec.ts";
import type { OrderEvent } from "../../events/schemas.ts";
import type { Logger } from "../../runtime/log.ts";
import type { Topic } from "../../topology.ts";
import { REPLAYED_FROM } from "../dead_letters.ts";

export interface EventDecoder {
  /** The events among `messages`, in order. */
  decode(
    from: { readonly topic: Topic; readonly partition: number },
    messages: readonly {
      readonly offset: number | string;
      readonly key: Uint8Array | null;
      readonly value: Uint8Array | null;
      readonly headers?: Readonly<Record<string, unknown>> | undefined;
    }[],
  ): OrderEvent[];
  /** How many messages were no events so far. */
  readonly undecodable: number;
}

const REPORT_EVERY_MS = 60_000;

/** @param nowMs a clock that never goes back, milliseconds */
export function createEventDecoder(
  log: Pick<Logger, "warn">,
  nowMs: () => number = () => performance.now(),
): EventDecoder {
  let undecodable = 0;
  let reportedAtMs = -Infinity;
  return {
    decode({ topic, partition }, messages) {
      const events: OrderEvent[] = [];
      for (const { offset, key, value, headers } of messages) {
        // Read before, when it came first: a replay is for the service that could not process it.
        if (headers && REPLAYED_FROM in headers) continue;
        const decoded = decode(topic, key, value);
        if (decoded.ok) {
          events.push(decoded.event);
          continue;
        }
        undecodable++;
        if (nowMs() - reportedAtMs < REPORT_EVERY_MS) continue;
        reportedAtMs = nowMs();
        const { reason, detail } = decoded.fault;
        log.warn(
          `not an event, left out: ${topic} partition ${partition} offset ${offset}: ${reason}: ` +
            `${detail} (${undecodable} so far)`,
        );
      }
      return events;
    },
    get undecodable() {
      return undecodable;
    },
  };
}
