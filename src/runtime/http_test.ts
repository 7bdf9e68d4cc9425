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
      const options = { hostname, metrics: new Registry(), notReady: () => undefined };
      const http = startHttp({ ...options, port: 0 });
      assertEquals(new URL(http.url).hostname, written);
      assertEquals(await (await fetch(`${http.url}/readyz`)).text(), "ready\n");
      const port = Number(new URL(http.url).port);
      const { message } = assertThrows(() => startHttp({ ...options, port }), Failure);
      assertStringIncludes(message, `cannot listen at ${written}:${port}: `);
      await http.close();
    },
  });
}
