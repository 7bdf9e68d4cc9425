/**
 * What a browser may ask for: the page, its live snapshots, the newest audit, dead letters, the history of
 * one order, and a replay, which is the only request that changes anything.
 */
import type { KafkaAccess } from "../../../kafka/access.ts";
import { explain, isKafkaError } from "../../../kafka/client/errors.ts";
import type { Names } from "../../../topology.ts";
import type { AuditReports } from "../checks/audit_reports.ts";
import type { DeadLetters } from "../checks/dead_letters.ts";
import type { Broadcaster } from "./broadcaster.ts";
import { findOrder } from "./order.ts";

type Route = (request: Request) => Response | Promise<Response>;

/** Only our own script and style sheet, only our own server, in no frame. */
const SECURITY_HEADERS = {
  "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self'; " +
    "connect-src 'self'; img-src 'self'; base-uri 'none'; form-action 'none'; " +
    "frame-ancestors 'none'",
  "x-content-type-options": "nosniff",
  "referrer-policy": "no-referrer",
  "cache-control": "no-cache",
};

const BUNDLE = new URL("../../../../dist/dashboard/", import.meta.url);
const NOT_BUNDLED = "The page has not been built yet: run `deno task dashboard:bundle`.\n";

const FILES = {
  "/": { url: new URL("../page/index.html", import.meta.url), type: "text/html; charset=utf-8" },
  "/icon.svg": { url: new URL("../page/icon.svg", import.meta.url), type: "image/svg+xml" },
  "/main.js": { url: new URL("main.js", BUNDLE), type: "text/javascript; charset=utf-8" },
  "/main.css": { url: new URL("main.css", BUNDLE), type: "text/css; charset=utf-8" },
};

/** Any order id: printable, and not long. */
const ORDER_ID = /^[\x21-\x7e]{1,128}$/;
/** A search reads a partition of every topic: the most at once, and the most time for each. */
const MAX_SEARCHES = 2;
const SEARCH_LIMIT_MS = 60_000;

export function dashboardRoutes(options: {
  cluster: { access: KafkaAccess; clientId: string; names: Names };
  broadcaster: Broadcaster;
  checks: {
    readonly audit: Pick<AuditReports, "latest">;
    readonly deadLetters: Pick<DeadLetters, "list" | "notReady">;
  };
  replay: () => void;
}): Record<string, Route> {
  let searches = 0;

  async function order(request: Request): Promise<Response> {
    const id = new URL(request.url).searchParams.get("id")?.trim() ?? "";
    if (!ORDER_ID.test(id)) {
      return fault(
        400,
        "this is not an order id: expected up to 128 printable characters without spaces",
      );
    }
    if (searches >= MAX_SEARCHES) {
      return fault(429, "other searches are running: try again in a moment");
    }
    searches++;
    try {
      const signal = AbortSignal.any([request.signal, AbortSignal.timeout(SEARCH_LIMIT_MS)]);
      const timeline = await findOrder(options.cluster, id, signal);
      if (signal.aborted) {
        return fault(
          504,
          "the search took more than a minute: use `deno task trace ORDER_ID` instead",
        );
      }
      return timeline ? json(200, timeline) : fault(404, "this order is not in the log");
    } catch (error) {
      if (!isKafkaError(error)) throw error;
      return fault(503, `Kafka does not answer: ${explain(error)}`);
    } finally {
      searches--;
    }
  }

  function replay(request: Request): Response {
    if (!isSameOrigin(request)) return fault(403, "only the page itself may start a recount");
    options.replay();
    return json(202, { replaying: true });
  }

  return {
    ...Object.fromEntries(
      Object.keys(FILES).map((path) => [path, only("GET", () => file(path as keyof typeof FILES))]),
    ),
    "/events": only("GET", (request) => options.broadcaster.open(request)),
    "/order": only("GET", order),
    "/audit": only("GET", () => json(200, options.checks.audit.latest)),
    "/dead-letters": only("GET", () => {
      const { deadLetters } = options.checks;
      return json(200, { notReady: deadLetters.notReady, services: deadLetters.list() });
    }),
    "/replay": only("POST", replay),
  };
}

function only(method: string, route: Route): Route {
  return (request) =>
    request.method === method
      ? route(request)
      : new Response(`${method} only\n`, { status: 405, headers: { allow: method } });
}

async function file(path: keyof typeof FILES): Promise<Response> {
  const { url, type } = FILES[path];
  try {
    const headers = { ...SECURITY_HEADERS, "content-type": type };
    return new Response(await Deno.readFile(url), { headers });
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    return new Response(NOT_BUNDLED, { status: 503 });
  }
}

/** Whether our own page asks: browsers name the origin of every POST. */
export function isSameOrigin({ headers }: Request): boolean {
  const site = headers.get("sec-fetch-site");
  if (site !== null && site !== "same-origin") return false;
  const origin = headers.get("origin");
  // By host alone: behind a proxy that ends TLS the schemes differ.
  return origin !== null && URL.canParse(origin) && new URL(origin).host === headers.get("host");
}

function json(status: number, body: unknown): Response {
  return Response.json(body, { status, headers: { "cache-control": "no-store" } });
}

function fault(status: number, error: string): Response {
  return json(status, { error });
}
