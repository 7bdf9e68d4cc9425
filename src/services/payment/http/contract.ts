/** How the payment service and a provider talk over HTTP: docs/payment-gateway.md, as code. */
import { Type } from "typebox";
import { Compile } from "typebox/compile";
import { PAYMENT_FAILURE_REASONS } from "../../../events/reasons.ts";

/** Below the provider's URL. */
export const PATHS = { charge: "/charges", refund: "/refunds" } as const;
export type Operation = keyof typeof PATHS;

/** Of the IETF's draft "The Idempotency-Key HTTP Header Field". */
export const KEY_HEADER = "Idempotency-Key";
/** Its value is a string of RFC 8941: in quotes. */
const KEY = /^"([A-Za-z0-9_.-]{1,128})"$/;

export function quoteKey(key: string): string {
  return `"${key}"`;
}

/** @returns undefined for what is not a key in quotes */
export function unquoteKey(header: string | null): string | undefined {
  return KEY.exec(header ?? "")?.[1];
}

const paymentId = Type.String({ minLength: 1, maxLength: 128 });
const money = {
  amountCents: Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER }),
  currency: Type.String({ pattern: "^[A-Z]{3}$" }),
};

/** The bodies of requests. */
export const REQUESTS = {
  charge: Compile(Type.Object(money)),
  refund: Compile(Type.Object({ ...money, paymentId })),
};

/** The bodies of answers; a provider may say more. */
export const ANSWERS = {
  charge: Compile(Type.Union([
    Type.Object({ status: Type.Literal("charged"), paymentId }),
    Type.Object({
      status: Type.Literal("declined"),
      paymentId,
      reason: Type.Union(PAYMENT_FAILURE_REASONS.map((reason) => Type.Literal(reason))),
      detail: Type.String({ maxLength: 500 }),
    }),
  ])),
  refund: Compile(Type.Object({ refundId: Type.String({ minLength: 1, maxLength: 128 }) })),
};
