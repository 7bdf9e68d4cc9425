import { assertEquals } from "@std/assert";
import { parseRequests, requestFigures } from "./requests.ts";

const line = (kind: string, version: number, count: number) =>
  `kafka.network:type=RequestMetrics,name=RequestsPerSec,request=${kind},version=${version}:Count=${count}`;
const BEFORE = ["time=1000", line("Fetch", 11, 100), line("Fetch", 17, 50)].join("\n");
const AFTER = [
  "time=11000",
  line("Fetch", 11, 300),
  line("FetchConsumer", 11, 300),
  line("Fetch", 17, 60),
  line("EndTxn", 3, 400),
  line("Metadata", 6, 9),
].join("\n");

Deno.test("parseRequests: by kind, whatever their versions", () => {
  const { atMs, counts } = parseRequests(BEFORE);
  assertEquals([atMs, [...counts]], [1_000, [["Fetch", 150]]]);
});

Deno.test("requestFigures: all a second, then each kind that comes more than once a second", () => {
  const figures = requestFigures(parseRequests(BEFORE), parseRequests(AFTER));
  assertEquals(figures.map(({ label, value }) => [label.split(": ")[1], value]), [
    ["all", 61.9],
    ["EndTxn", 40],
    ["Fetch", 21],
  ]);
});
