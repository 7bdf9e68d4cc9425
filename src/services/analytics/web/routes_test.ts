import { assertEquals, assertMatch } from "@std/assert";
import { Names } from "../../../topology.ts";
import { Broadcaster } from "./broadcaster.ts";
import { dashboardRoutes, isSameOrigin } from "./routes.ts";

const HOST = { host: "127.0.0.1:8080" };
const SAME = { ...HOST, origin: "http://127.0.0.1:8080" };

const origins: { what: string; headers: Record<string, string>; same: boolean }[] = [
  { what: "the page itself", headers: SAME, same: true },
  {
    what: "as browsers mark it",
    headers: { ...SAME, "sec-fetch-site": "same-origin" },
    same: true,
  },
  {
    what: "behind what ends TLS",
    headers: { host: "shop.example", origin: "https://shop.example" },
    same: true,
  },
  { what: "another site", headers: { ...HOST, origin: "http://evil.example" }, same: false },
  { what: "another port", headers: { ...HOST, origin: "http://127.0.0.1:9090" }, same: false },
  {
    what: "marked as another site",
    headers: { ...SAME, "sec-fetch-site": "cross-site" },
    same: false,
  },
  {
    what: "marked as the same site only",
    headers: { ...SAME, "sec-fetch-site": "same-site" },
    same: false,
  },
  { what: "without an origin", headers: HOST, same: false },
  { what: "a file", headers: { ...HOST, origin: "null" }, same: false },
];

for (const { what, headers, same } of origins) {
  Deno.test(`isSameOrigin: ${what}: ${same}`, () =>
    assertEquals(isSameOrigin({ headers: new Headers(headers) } as Request), same));
}

function routes() {
  let replays = 0;
  const broadcaster = new Broadcaster(() => ({ whole: () => "{}", change: () => "{}" }));
  const cluster = { access: { brokers: ["127.0.0.1:1"] }, clientId: "test", names: new Names() };
  const checks = {
    audit: { latest: { state: "never" } },
    deadLetters: { list: () => [], notReady: null },
  } as const;
  const table = dashboardRoutes({ cluster, broadcaster, checks, replay: () => replays++ });
  const ask = (path: string, init?: RequestInit) =>
    table[path.split("?")[0]!]!(new Request(`http://127.0.0.1:8080${path}`, init));
  return { ask, replays: () => replays, close: () => broadcaster.close() };
}

Deno.test("routes: only a POST of the page itself replays", async () => {
  const { ask, replays, close } = routes();
  const post = (origin: string) => ask("/replay", { method: "POST", headers: { ...HOST, origin } });
  assertEquals((await ask("/replay")).status, 405);
  assertEquals((await post("http://evil.example")).status, 403);
  assertEquals(replays(), 0);
  assertEquals((await post("http://127.0.0.1:8080")).status, 202);
  assertEquals(replays(), 1);
  close();
});

Deno.test("routes: the page may load nothing but its own, and has no script in it", async () => {
  const { ask, close } = routes();
  const page = await ask("/");
  const policy = page.headers.get("content-security-policy") ?? "";
  assertMatch(policy, /default-src 'none'; script-src 'self'; style-src 'self'/);
  assertEquals(/unsafe|http:|https:|\*/.test(policy), false);
  const html = await page.text();
  assertEquals([...html.matchAll(/<script(?![^>]* src=)/g)].length, 0);
  assertEquals(/ on\w+=| style=/.test(html), false);
  close();
});

Deno.test("routes: what cannot be an order id is not looked for", async () => {
  const { ask, close } = routes();
  for (const id of ["", "a b", "x".repeat(129), "naïve"]) {
    assertEquals((await ask(`/order?id=${encodeURIComponent(id)}`)).status, 400, id);
  }
  close();
});
