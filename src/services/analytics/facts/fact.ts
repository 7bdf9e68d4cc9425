/** What the figures need of an event. */
import type { OrderEvent } from "../../../events/schemas.ts";
import type { EventType } from "../../../topology.ts";

export interface Fact {
  readonly type: EventType;
  readonly orderId: string;
  /** Epoch milliseconds, like `placedAtMs`; NaN for no time. */
  readonly occurredAtMs: number;
  readonly placedAtMs: number;
  /** These are empty, or 0, where the event has no such field. */
  readonly currency: string;
  readonly totalCents: number;
  readonly reason: string;
  readonly action: string;
}

/** The same of an event that is decoded already. */
export function factOf(event: OrderEvent): Fact {
  const {
    type,
    orderId,
    occurredAt,
    placedAt = occurredAt,
    currency = "",
    totalCents = 0,
    reason = "",
    action = "",
  } = event as
    & OrderEvent
    & Partial<Record<"placedAt" | "currency" | "reason" | "action", string>>
    & {
      totalCents?: number;
    };
  return {
    type,
    orderId,
    occurredAtMs: Date.parse(occurredAt),
    placedAtMs: Date.parse(placedAt),
    currency,
    totalCents,
    reason,
    action,
  };
}
