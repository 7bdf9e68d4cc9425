/**
 * What a service answers over HTTP: /livez, /readyz and /metrics, for Kubernetes, Prometheus and
 * people with curl; a service may add routes of its own.
 */
import { Gauge, type Registry } from "prom-client";
import { isIP } from "node:net";
import { clockCheck } from "./clock.ts";
import { Failure } from "./errors.ts";
import { printable } from "./printable.ts";
import { formatAddress, type Setting } from "./setting.ts";
import { describeSilence, registerWaits, waits } from "./waits.ts";

export interface HttpServer {
  readonly url: string;
  close(): Promise<void>;
}

/** The setting of `startHttp`'s `allowedHosts`. */
export const allowedHostsSetting: Setting<string[]> = {
  env: "HTTP_ALLOWED_HOSTS",
  value: "NAMES",
  fallback: "",
  help: "further host names that it may be asked by, separated by commas; .example.com: that " +
    "domain and all below it; *: any name",
  read(text) {
    const names = text.split(",").map((name) => name.trim().toLowerCase()).filter(Boolean);
    if (!names.every((name) => name === "*" || /^\.?[a-z0-9_-]+(\.[a-z0-9_-]+)*$/.test(name))) {
      throw new Error("host names without ports, separated by commas; .example.com, or *");
    }
    return names;
  },
};

/**
 * @param options.allowedHosts names that a request may ask for, beside IP addresses, localhost, this
 * machine's name and `hostname`
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
  allowedHosts: readonly string[];
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
  const allowed = [...options.allowedHosts, hostname.toLowerCase(), ...ownName()];
  const answer = async (request: Request): Promise<Response> => {
    const stranger = strangeHost(request, allowed);
    if (stranger !== undefined) return refusal(stranger);
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

// DNS rebinding: a page of the web has its own name resolve to an address of ours, and the browser then
// lets it read what is served there. The browser sends that name with each request.

/** This machine's, or this pod's, where the process may ask for it. */
function ownName(): string[] {
  const { state } = Deno.permissions.querySync({ name: "sys", kind: "hostname" });
  return state === "granted" ? [Deno.hostname().toLowerCase()] : [];
}

/** The host that a request asks for, when it is none of the allowed ones. */
export function strangeHost(
  { url, headers }: Pick<Request, "url" | "headers">,
  allowed: readonly string[],
): string | undefined {
  // The URL's may differ, in a request line with a whole URL. Without Host, which every browser sends, it is
  // the address at which the request arrived.
  const hosts = [/^\w+:\/\/([^/]*)/.exec(url)?.[1] ?? "", headers.get("host") || undefined];
  return hosts.find((host) => host !== undefined && !isAllowed(host, allowed));
}

function isAllowed(host: string, allowed: readonly string[]): boolean {
  if (/[/\\?#@\s]/.test(host) || !URL.canParse(`http://${host}`)) return false;
  const name = new URL(`http://${host}`).hostname.replace(/\.$/, "");
  // Nobody needs a name server to resolve these.
  if (isIP(name) || name.startsWith("[")) return true;
  return ["localhost", ".localhost", ...allowed].some((entry) =>
    entry === "*" || name === entry.replace(/^\./, "") ||
    entry.startsWith(".") && name.endsWith(entry)
  );
}

function refusal(host: string): Response {
  const text = `the host "${printable(host)}" is not allowed: HTTP_ALLOWED_HOSTS names the hosts ` +
    "that this process may be asked by, beside IP addresses and localhost\n";
  return new Response(text, { status: 403 });
}
