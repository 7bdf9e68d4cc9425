/**
 * What the payment service asks of a payment provider, whichever it is.
 *
 * The provider knows every request by its idempotency key: the same key gets the same answer, and is
 * charged (or refunded) once, however often it is asked, by however many processes, also after a
 * failure. So a request whose answer is unknown is simply made again.
 */
import type { PaymentFailureReason } from "../../events/reasons.ts";

export interface ChargeRequest {
  /** At most 128 characters. */
  readonly idempotencyKey: string;
  readonly amountCents: number;
  /** ISO 4217. */
  readonly currency: string;
}

export type ChargeAnswer =
  | { readonly status: "charged"; readonly paymentId: string }
  | {
    readonly status: "declined";
    /** The provider's name for the attempt: a declined one has a name, too. */
    readonly paymentId: string;
    readonly reason: PaymentFailureReason;
    /** One line for people. */
    readonly detail: string;
  };

export interface RefundRequest extends ChargeRequest {
  /** Of the charge. */
  readonly paymentId: string;
}

export interface RefundAnswer {
  readonly refundId: string;
}

export interface PaymentGateway {
  /**
   * @param signal gives up waiting when it aborts: the call then rejects with GatewayTimeout at once.
   * Many calls may share one. Without it, a call whose answer got lost never ends
   * @throws {GatewayTimeout} the answer is unknown: it may have been charged
   * @throws {GatewayUnavailable} nothing was charged
   * @throws {GatewayRefusal} the request itself is wrong
   */
  charge(request: ChargeRequest, signal?: AbortSignal): Promise<ChargeAnswer>;
  /**
   * Gives back all or a part of a charge.
   *
   * @param signal as of `charge`
   * @throws as `charge`
   */
  refund(request: RefundRequest, signal?: AbortSignal): Promise<RefundAnswer>;
}

/** No answer in time: whether the request was carried out is unknown. Ask again with the same key. */
export class GatewayTimeout extends Error {
  override readonly name = "GatewayTimeout";
}

/** Not reached, or 5xx: the request was hardly carried out. Ask again later, with the same key. */
export class GatewayUnavailable extends Error {
  override readonly name = "GatewayUnavailable";
}

/** 4xx: a key used for another amount, a refund of what was not charged. Asking again won't help. */
export class GatewayRefusal extends Error {
  override readonly name = "GatewayRefusal";
}
