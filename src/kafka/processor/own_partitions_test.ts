import { assertEquals } from "@std/assert";
import { OwnPartitions } from "./own_partitions.ts";

Deno.test("OwnPartitions: what is paused for several reasons is fetched when the last of them has gone", () => {
  const { own, log } = setUp();
  const [mine] = own.assign([PLACE], { generation: 1, memberId: "me" }).mine;
  own.pause(mine!, "failed");
  own.pause(mine!, "behind");
  own.resume(mine!, "failed");
  assertEquals(log, ["paused", "paused"]);
  own.resume(mine!, "behind");
  assertEquals(log.slice(2), ["resumed"]);
});

Deno.test("OwnPartitions: who had a partition before lets nobody fetch what pauses now", () => {
  const { own, log } = setUp();
  const [before] = own.assign([PLACE], { generation: 1, memberId: "me" }).mine;
  own.pause(before!, "behind");
  own.assign([], { generation: 2, memberId: "me" });
  const [now] = own.assign([PLACE], { generation: 3, memberId: "me" }).mine;
  own.pause(now!, "failed");
  own.resume(before!, "behind");
  assertEquals(log, ["paused", "paused"]);
  own.resume(now!, "failed");
  assertEquals(log.slice(2), ["resumed"]);
});

const PLACE = { topic: "orders.outcomes", partition: 3 };

/** `log` notes what the consumer is told. */
function setUp() {
  const log: string[] = [];
  const consumer = { pause: () => void log.push("paused"), resume: () => void log.push("resumed") };
  const own = new OwnPartitions(() => Promise.reject(new Error("nothing is assigned")), consumer);
  return { own, log };
}
