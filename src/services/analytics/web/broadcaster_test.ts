import { assert, assertEquals, assertMatch } from "@std/assert";
import { until } from "../../../runtime/until.ts";
import { Broadcaster } from "./broadcaster.ts";

const request = (headers: HeadersInit = {}) => new Request("http://127.0.0.1/events", { headers });

/** Reads one event of a stream. */
async function next(reader: ReadableStreamDefaultReader<Uint8Array>) {
  const { value } = await reader.read();
  return new TextDecoder().decode(value);
}

/** A snapshot that tells whether it came as a whole: a change is negative. */
const numbered = (number: number) => ({ whole: () => `${number}`, change: () => `${-number}` });

const idOf = (event: string) => /^id: (\S+)$/m.exec(event)?.[1] ?? "";

Deno.test("Broadcaster: each browser gets a snapshot at once, and a new one each second", async () => {
  let made = 0;
  const broadcaster = new Broadcaster(() => numbered(++made));
  const reader = broadcaster.open(request()).body!.getReader();
  const first = await next(reader);
  assertMatch(first, /^retry: 1000\nid: \S+\ndata: 1\n\n$/);
  assertMatch(await next(reader), /data: -2\n\n$/, "it has the one before");
  broadcaster.close();
  assertEquals((await reader.read()).done, true);
});

Deno.test("Broadcaster: one that has the newest already waits for the next", async () => {
  let made = 0;
  const broadcaster = new Broadcaster(() => numbered(++made));
  const first = broadcaster.open(request()).body!.getReader();
  const id = idOf(await next(first));
  const back = broadcaster.open(request({ "last-event-id": id })).body!.getReader();
  assertMatch(await next(back), /data: -[2-9]\n\n$/);
  const other = broadcaster.open(request({ "last-event-id": "of another run" })).body!.getReader();
  // The one before, or one that was made for it because that was old already.
  const newest = made;
  assertMatch(await next(other), new RegExp(`data: ${newest}\n\n$`));
  broadcaster.close();
});

Deno.test("Broadcaster: a slow browser skips snapshots and then gets the newest; without browsers, none is made", async () => {
  let made = 0;
  const broadcaster = new Broadcaster(() => numbered(++made));
  const slow = broadcaster.open(request()).body!.getReader();
  const quick = broadcaster.open(request()).body!.getReader();
  for (let event = ""; !event.includes("data: -4\n");) event = await next(quick);
  assertMatch(await next(slow), /data: 1\n/);
  assertMatch(await next(slow), /data: [5-9]\n/);
  await Promise.all([slow.cancel(), quick.cancel()]);
  assertEquals(broadcaster.clients, 0);
  const before = made;
  const last = broadcaster.open(request({ "last-event-id": "x" })).body!.getReader();
  await last.cancel();
  await until("it is gone", () => broadcaster.clients === 0);
  assert(made <= before + 1);
  broadcaster.close();
});

Deno.test("Broadcaster: a browser above the limit is refused", async () => {
  const broadcaster = new Broadcaster(() => numbered(0));
  const answers = Array.from({ length: 65 }, () => broadcaster.open(request()));
  assertEquals(answers.map(({ status }) => status).filter((status) => status !== 200), [503]);
  broadcaster.close();
  await Promise.all(answers.map(({ body }) => body?.cancel()));
});
