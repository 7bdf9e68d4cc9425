/** For tests: a payment gateway behind HTTP. */
import { gatewayRoutes } from "../routes.ts";
import type { PaymentGateway } from "../../gateway.ts";
import { HttpGateway } from "../gateway.ts";

/** Serves `gateway`, and calls it over HTTP. */
export function serveGateway(gateway: PaymentGateway): PaymentGateway & AsyncDisposable {
  const routes = gatewayRoutes(gateway);
  const { url, close } = serve((request) => routes[new URL(request.url).pathname]!(request));
  const client = new HttpGateway(url, 100);
  return {
    charge: (request, signal) => client.charge(request, signal),
    refund: (request, signal) => client.refund(request, signal),
    async [Symbol.asyncDispose]() {
      client[Symbol.dispose]();
      await close();
    },
  };
}

/** Serves at a free port of this machine. */
export function serve(
  answer: (request: Request) => Response | Promise<Response>,
): { url: string; close: () => Promise<void> } {
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, answer);
  return { url: `http://127.0.0.1:${server.addr.port}`, close: () => server.shutdown() };
}
