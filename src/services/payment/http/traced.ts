/** Calls to a payment provider as a part of their order's trace: Deno makes a span of each `fetch`. */
import type { Tracing } from "../../../kafka/tracing/tracing.ts";
import type { PaymentGateway } from "../gateway.ts";
import { orderOfRefund } from "../handle.ts";

/**
 * Calls wait for each other, and one begins where another has ended: without this it would be in the other
 * order's trace.
 */
export function traced(gateway: PaymentGateway, tracing: Tracing | undefined): PaymentGateway {
  if (!tracing) return gateway;
  return {
    charge: (request, signal) =>
      tracing.within(request.idempotencyKey, () => gateway.charge(request, signal)),
    refund: (request, signal) =>
      tracing.within(orderOfRefund(request), () => gateway.refund(request, signal)),
  };
}
