/** A payment provider's answers over HTTP; docs/payment-gateway.md has the contract. */
import {
  GatewayRefusal,
  GatewayTimeout,
  GatewayUnavailable,
  type PaymentGateway,
} from "../gateway.ts";
import { KEY_HEADER, type Operation, PATHS, REQUESTS, unquoteKey } from "./contract.ts";

type Route = (request: Request) => Promise<Response>;

/** Serves `gateway`: the routes by path, as `startHttp` takes them. */
export function gatewayRoutes(gateway: PaymentGateway): Record<string, Route> {
  const route = (
    operation: Operation,
    call: (body: never, signal: AbortSignal) => Promise<unknown>,
  ): Route =>
  async (request) => {
    if (request.method !== "POST") {
      return problem(405, `${request.method}: only POST is answered here`, { allow: "POST" });
    }
    const idempotencyKey = unquoteKey(request.headers.get(KEY_HEADER));
    if (idempotencyKey === undefined) {
      return problem(400, `the header ${KEY_HEADER} must be a key in double quotes`);
    }
    const body = await request.json().catch(() => undefined);
    if (!REQUESTS[operation].Check(body)) {
      const [fault] = REQUESTS[operation].Errors(body);
      return problem(400, `the body is no ${operation}: ${fault?.instancePath} ${fault?.message}`);
    }
    try {
      const asked = { ...body as Record<string, unknown>, idempotencyKey };
      return Response.json(await call(asked as never, request.signal));
    } catch (error) {
      return failureOf(error as Error);
    }
  };
  return {
    [PATHS.charge]: route("charge", (request, signal) => gateway.charge(request, signal)),
    [PATHS.refund]: route("refund", (request, signal) => gateway.refund(request, signal)),
  };
}

function failureOf(error: Error): Response {
  if (error instanceof GatewayRefusal) return problem(422, error.message);
  if (error instanceof GatewayUnavailable) return problem(503, error.message);
  if (error instanceof GatewayTimeout) return problem(504, error.message);
  return problem(500, error.message);
}

/** Problem details, as in RFC 9457. */
function problem(status: number, detail: string, headers?: Record<string, string>): Response {
  return Response.json({ status, detail }, {
    status,
    headers: { "content-type": "application/problem+json", ...headers },
  });
}
