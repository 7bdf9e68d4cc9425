/**
 * What a service answers over HTTP: /livez, /readyz and /metrics, for Kubernetes, Prometheus and
 * people with curl; a service may add routes of its own.
 */
import { Gauge, type Registry } from "prom-client";
import { formatAddress } from "./setting.ts";
import { clockCheck } from "./clock.ts";
import { Failure } from "./errors.ts";
import { describeSilence, registerWaits, waits } from "./waits.ts";

export interface HttpServer {
  readonly url: string;
  close(): Promise<void>;
}

/**
 * @param options.port 0 takes a free one
 * @param options.portPolicy when the port is taken: `exact` fails, `prefer` takes a free one and says
 * so (default: `exact`)
 * @param options.portSetting where the port comes from, for the failure (default: HTTP_PORT)
 * @param options.notReady why the service is not ready, or undefined when it is; a peer that does not
 * answer makes it not ready, too
 * @param options.routes further paths
 * @throws {Failure} the port is taken, or the address is not one of this machine
 */
export function startHttp(options: {
  hostname: string;
  port: number;
  portPolicy?: "exact" | "prefer";
  portSetting?: string;
  metrics: Registry;
  notReady: () => string | undefined;
  routes?: Record<string, (request: Request) => Response | Promise<Response>>;
  onNotice?: (line: string) => void;
}): HttpServer {
  const { hostname, port, metrics, notReady, routes = {} } = options;
  const whyNot = () =>
    [notReady(), ...waits.silent().map(describeSilence)]
      .filter((reason) => reason !== undefined).join("; ");
  const answer = async (request: Request): Promise<Response> => {
    const { pathname } = new URL(request.url);
    switch (pathname) {
      case "/livez":
        return new Response("alive\n");
      case "/readyz": {
        const reason = whyNot();
        return reason === ""
          ? new Response("ready\n")
          : new Response(`not ready: ${reason}\n`, { status: 503 });
      }
      case "/metrics":
        return new Response(await metrics.metrics(), {
          headers: { "content-type": metrics.contentType },
        });
    }
    return await routes[pathname]?.(request) ?? new Response("not found\n", { status: 404 });
  };
  const server = listen({ hostname, port }, answer, options);
  // Only now: a caller whose port is taken may try again with the same registry.
  registerReady(metrics, () => whyNot() === "");
  registerWaits(metrics);
  clockCheck.register(metrics);
  return {
    url: `http://${formatAddress({ host: hostname, port: server.addr.port })}`,
    close: () => server.shutdown(),
  };
}

function listen(
  at: { hostname: string; port: number },
  answer: Deno.ServeHandler,
  { portPolicy = "exact", portSetting = "HTTP_PORT", onNotice = () => {} }: {
    portPolicy?: "exact" | "prefer";
    portSetting?: string;
    onNotice?: (line: string) => void;
  },
): Deno.HttpServer<Deno.NetAddr> {
  try {
    return Deno.serve({ ...at, onListen: () => {} }, answer);
  } catch (error) {
    if (portPolicy === "prefer" && error instanceof Deno.errors.AddrInUse) {
      onNotice(`port ${at.port} is taken; using another instead`);
      return listen({ ...at, port: 0 }, answer, {});
    }
    const { message } = error as Error;
    const address = formatAddress({ host: at.hostname, port: at.port });
    throw new Failure(`HTTP_HOST, ${portSetting}: cannot listen at ${address}: ${message}`);
  }
}

function registerReady(registry: Registry, isReady: () => boolean): void {
  new Gauge({
    name: "orderflow_ready",
    help: "1 while /readyz answers 200, 0 while it answers 503",
    registers: [registry],
    collect() {
      this.set(isReady() ? 1 : 0);
    },
  });
}
