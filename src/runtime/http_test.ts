import { assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { Registry } from "prom-client";
import { allowedHostsSetting, startHttp } from "./http.ts";
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
      const options = { hostname, allowedHosts: [], metrics: new Registry(), notReady: () => why };
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

/** What a server with a route of its own answers to a request of those bytes. */
async function answers(
  allowedHosts: readonly string[],
  requests: Iterable<string>,
): Promise<Map<string, string>> {
  let calls = 0;
  const http = startHttp({
    hostname: "127.0.0.1",
    allowedHosts,
    port: 0,
    metrics: new Registry(),
    notReady: () => undefined,
    routes: { "/own": () => new Response(`call ${++calls}`) },
  });
  const port = Number(new URL(http.url).port);
  const found = new Map<string, string>();
  for (const request of requests) {
    using connection = await Deno.connect({ hostname: "127.0.0.1", port });
    await connection.write(new TextEncoder().encode(request.replace("PORT", `${port}`)));
    const bytes = new Uint8Array(4_096);
    let text = "";
    for (let n; (n = await connection.read(bytes)) !== null;) {
      text += new TextDecoder().decode(bytes.subarray(0, n));
    }
    found.set(request, text);
  }
  await http.close();
  return found;
}

const get = (line: string, ...headers: string[]) =>
  [`GET ${line} HTTP/1.1`, ...headers, "connection: close", "", ""].join("\r\n");
const status = (answer: string | undefined) => Number(/^HTTP\/1\.\d (\d+)/.exec(answer ?? "")?.[1]);

const HOSTS: Record<string, number> = {
  "127.0.0.1": 200,
  "127.0.0.1:PORT": 200,
  "10.1.2.3:8080": 200,
  "[::1]": 200,
  "[::1]:PORT": 200,
  "[fe80::1]:1": 200,
  "localhost": 200,
  "LOCALHOST:PORT": 200,
  "localhost.:PORT": 200,
  "page.localhost": 200,
  "analytics": 200,
  "Analytics.:80": 200,
  "shop.example.com": 200,
  "a.b.shop.example.com:443": 200,
  "rebind.example.com": 403,
  "rebind.example.com:PORT": 403,
  "127.0.0.1.example.com": 403,
  "notlocalhost": 403,
  "localhost.example.com": 403,
  "xshop.example.com": 403,
  "www.analytics": 403,
  "1.2.3.4.nip.example": 403,
  "[::1].rebind.example.com": 403,
  "localhost..": 403,
  "rebind.example.com, localhost": 403,
  "localhost, rebind.example.com": 403,
  "127.0.0.1@rebind.example.com": 403,
  "rebind.example.com#.localhost": 403,
  "rebind.example.com/.localhost": 403,
  "me@localhost": 403,
  "localhost#.rebind.example.com": 403,
  "a b": 403,
  "[::1": 403,
  "localhost:99999": 403,
};

Deno.test("startHttp: a request for a host that is not ours is refused", async () => {
  const requests = new Map(
    Object.entries(HOSTS).map(([host, expected]) => [get("/own", `Host: ${host}`), expected]),
  );
  const found = await answers(["analytics", ".shop.example.com"], requests.keys());
  for (const [request, expected] of requests) assertEquals(status(found.get(request)), expected);
});

Deno.test("startHttp: the refusal holds for every path, and names the host and the setting", async () => {
  const strange = ["/livez", "/readyz", "/metrics", "/own", "/nothing"].map((path) =>
    get(path, "Host: rebind.example.com")
  );
  for (const [request, answer] of await answers([], strange)) {
    assertEquals(status(answer), 403, request);
    assertStringIncludes(
      answer,
      'the host "rebind.example.com" is not allowed: HTTP_ALLOWED_HOSTS ',
    );
  }
});

Deno.test("startHttp: a whole URL in the request line counts, and so does Host beside it", async () => {
  const requests = {
    "no Host, which browsers send": [get("/own"), 200],
    "ours twice": [get("http://localhost/own", "Host: localhost"), 200],
    "another URL": [get("http://rebind.example.com/own", "Host: localhost"), 403],
    "another Host": [get("http://localhost/own", "Host: rebind.example.com"), 403],
    "two of them": [get("/own", "Host: rebind.example.com", "Host: localhost"), 400],
    "another Host behind a proxy": [
      get("/own", "Host: rebind.example.com", "X-Forwarded-Host: localhost"),
      403,
    ],
    "no path": [get("*", "Host: rebind.example.com").replace("GET", "OPTIONS"), 403],
    "an old one": [get("/own", "Host: rebind.example.com").replace("/1.1", "/1.0"), 403],
  } as const;
  const found = await answers([], Object.values(requests).map(([request]) => request));
  for (const [what, [request, expected]] of Object.entries(requests)) {
    assertEquals(status(found.get(request)), expected, what);
  }
});

Deno.test("startHttp: * allows any host", async () => {
  const request = get("/own", "Host: rebind.example.com");
  assertEquals(status((await answers(["*"], [request])).get(request)), 200);
});

Deno.test("HTTP_ALLOWED_HOSTS: names, in lower case", () => {
  const read = (text: string) => allowedHostsSetting.read(text, () => "");
  assertEquals(read(""), []);
  assertEquals(read("Shop.example.com, .example.org,*"), ["shop.example.com", ".example.org", "*"]);
  for (const text of ["http://a.example", "a.example:80", "*.example.com", ".", "a..b"]) {
    assertThrows(() => read(text), Error, "host names without ports", text);
  }
});
