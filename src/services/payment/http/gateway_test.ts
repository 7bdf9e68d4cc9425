import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import {
  GatewayRefusal,
  GatewayTimeout,
  GatewayUnavailable,
  type PaymentGateway,
} from "../gateway.ts";
import { gatewayRoutes } from "./routes.ts";
import { HttpGateway } from "./gateway.ts";
import { serve } from "./testing/serve.ts";

const request = { idempotencyKey: "r1-000001", amountCents: 500, currency: "EUR" };

/** Calls a provider that answers like this. */
async function withProvider(
  answer: (request: Request) => Response | Promise<Response>,
  test: (gateway: HttpGateway, url: string) => Promise<void>,
  path = "",
): Promise<void> {
  const { url, close } = serve(answer);
  using gateway = new HttpGateway(url + path, 10);
  try {
    await test(gateway, url);
  } finally {
    await close();
  }
}

Deno.test("HttpGateway: asks as the contract says", async () => {
  const asked: unknown[] = [];
  await withProvider(({ method, url, headers }) => {
    asked.push([method, new URL(url).pathname, headers.get("idempotency-key")]);
    return Response.json({ status: "charged", paymentId: "pay-1", more: 1 }, { status: 201 });
  }, async (gateway) => {
    assertEquals((await gateway.charge(request)).paymentId, "pay-1");
    await assertRejects(() => gateway.refund({ ...request, paymentId: "pay-1" }));
  }, "/v1/");
  assertEquals(asked, [
    ["POST", "/v1/charges", '"r1-000001"'],
    ["POST", "/v1/refunds", '"r1-000001"'],
  ]);
});

Deno.test("HttpGateway: a request's body has the money, and of a refund the payment", async () => {
  const bodies: unknown[] = [];
  await withProvider(async (request) => {
    bodies.push(await request.json());
    return Response.json({ refundId: "refund-1" });
  }, async (gateway) => {
    assertEquals(await gateway.refund({ ...request, paymentId: "pay-1" }), {
      refundId: "refund-1",
    });
  });
  assertEquals(bodies, [{ amountCents: 500, currency: "EUR", paymentId: "pay-1" }]);
});

const STATUSES: readonly [number, new (message: string) => Error][] = [
  [302, GatewayUnavailable],
  [400, GatewayRefusal],
  [401, GatewayUnavailable],
  [402, GatewayRefusal],
  [404, GatewayUnavailable],
  [408, GatewayUnavailable],
  [409, GatewayTimeout],
  [422, GatewayRefusal],
  [425, GatewayUnavailable],
  [429, GatewayUnavailable],
  [500, GatewayUnavailable],
  [503, GatewayUnavailable],
  [504, GatewayTimeout],
];

for (const [status, kind] of STATUSES) {
  Deno.test(`HttpGateway: ${status} is a ${kind.name}, with what the provider says`, async () => {
    const body = JSON.stringify({ title: "no", detail: "because\nof this" });
    const headers = { location: "/elsewhere" };
    await withProvider(() => new Response(body, { status, headers }), async (gateway, url) => {
      const error = await assertRejects(() => gateway.charge(request), kind);
      assertStringIncludes(error.message, `${url} answers ${status}: because\\nof this`);
    });
  });
}

const NO_ANSWERS: readonly [string, BodyInit][] = [
  ["a page", "<html>welcome</html>"],
  ["no status", JSON.stringify({ paymentId: "pay-1" })],
  ["no payment", JSON.stringify({ status: "charged", paymentId: "" })],
  [
    "another reason",
    JSON.stringify({ status: "declined", paymentId: "p", reason: "mood", detail: "" }),
  ],
];

for (const [what, body] of NO_ANSWERS) {
  Deno.test(`HttpGateway: an answer that is none (${what}) decides nothing`, async () => {
    await withProvider(() => new Response(body), async (gateway, url) => {
      const error = await assertRejects(() => gateway.charge(request), GatewayUnavailable);
      for (const part of [`${url}/charges answers 200`, "GATEWAY_URL"]) {
        assertStringIncludes(error.message, part);
      }
    });
  });
}

Deno.test("HttpGateway: nobody at the address is unavailable, and says which setting names it", async () => {
  const { url, close } = serve(() => new Response());
  await close();
  using gateway = new HttpGateway(url, 10);
  const error = await assertRejects(() => gateway.charge(request), GatewayUnavailable);
  for (const part of [url, "cannot be reached", "GATEWAY_URL", "deno task gateway"]) {
    assertStringIncludes(error.message, part);
  }
});

Deno.test("HttpGateway: a connection that is cut says that the answer is unknown", async () => {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const cutting = (async () => {
    for (const part of ["", "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{"]) {
      using connection = await listener.accept();
      await connection.read(new Uint8Array(1_000));
      await connection.write(new TextEncoder().encode(part));
    }
  })();
  using gateway = new HttpGateway(`http://127.0.0.1:${listener.addr.port}`, 10);
  for (const where of ["before the answer", "within it"]) {
    await assertRejects(() => gateway.charge(request), GatewayTimeout, "no answer", where);
  }
  await cutting;
  listener.close();
});

Deno.test("HttpGateway: connections are kept, also after failures", async () => {
  const from = new Set<number>();
  let calls = 0;
  const server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen() {} },
    (_request, { remoteAddr }) => {
      from.add((remoteAddr as Deno.NetAddr).port);
      return calls++ % 2 === 0
        ? new Response("down", { status: 503 })
        : Response.json({ status: "charged", paymentId: "pay-1" });
    },
  );
  {
    using gateway = new HttpGateway(`http://127.0.0.1:${server.addr.port}`, 10);
    for (let i = 0; i < 10; i++) await gateway.charge(request).catch(() => {});
  }
  await server.shutdown();
  assertEquals([calls, from.size], [10, 1]);
});

const unused: PaymentGateway = {
  charge: () => Promise.reject(new Error("not asked")),
  refund: () => Promise.reject(new Error("not asked")),
};

Deno.test("gatewayRoutes: what is no request of the contract is told so, and nobody is asked", async () => {
  const { "/charges": charges, "/refunds": refunds } = gatewayRoutes(unused);
  const key = { "idempotency-key": '"k"' };
  const money = JSON.stringify({ amountCents: 1, currency: "EUR" });
  const post = (headers: Record<string, string>, body: string) =>
    new Request("http://gateway/", { method: "POST", headers, body });
  const cases: [Response, number, RegExp][] = [
    [await charges!(new Request("http://gateway/")), 405, /POST/],
    [await charges!(post({}, money)), 400, /Idempotency-Key/],
    [await charges!(post({ "idempotency-key": "k" }, money)), 400, /double quotes/],
    [await charges!(post(key, "{")), 400, /no charge/],
    [await charges!(post(key, '{"amountCents":-1,"currency":"EUR"}')), 400, /amountCents/],
    [await refunds!(post(key, money)), 400, /paymentId/],
    [await charges!(post(key, money)), 500, /not asked/],
  ];
  for (const [response, status, detail] of cases) {
    const body = await response.json();
    assertEquals([response.status, body.status], [status, status]);
    assert(detail.test(body.detail), body.detail);
    assertEquals(response.headers.get("content-type"), "application/problem+json");
  }
});
