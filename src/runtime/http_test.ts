import { assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { Registry } from "prom-client";
import { startHttp } from "./http.ts";
import { Failure } from "./errors.ts";

function listensAt(hostname: string): boolean {
  try {
    Deno.listen({ hostname, port: 0 }).close();
    return true;
  } catch {
    return false;
  }
}

for (const [hostname, written] of [["127.0.0.1", "127.0.0.1"], ["::1", "[::1]"]] as const) {
  Deno.test({
    name: `startHttp: at ${hostname} it answers at the address that it prints`,
    ignore: !listensAt(hostname),
    async fn() {
      let why: string | undefined = undefined;
      const options = { hostname, metrics: new Registry(), notReady: () => why };
      const http = startHttp({ ...options, port: 0 });
      assertEquals(new URL(http.url).hostname, written);
      const ready = async () => {
        const [readyz, metrics] = await Promise.all(
          ["/readyz", "/metrics"].map(async (path) => (await fetch(http.url + path)).text()),
        );
        return [readyz, /^orderflow_ready .*$/m.exec(metrics!)?.[0]];
      };
      assertEquals(await ready(), ["ready\n", "orderflow_ready 1"]);
      why = "starting";
      assertEquals(await ready(), ["not ready: starting\n", "orderflow_ready 0"]);
      const port = Number(new URL(http.url).port);
      const { message } = assertThrows(() => startHttp({ ...options, port }), Failure);
      assertStringIncludes(message, `cannot listen at ${written}:${port}: `);
      await http.close();
    },
  });
}
