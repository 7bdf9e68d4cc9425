import { assertEquals } from "@std/assert";
import { isAtLeast, versionIn } from "./tools.ts";

Deno.test("versionIn: what the tools print", () => {
  assertEquals(versionIn("kind v0.32.0 go1.25.1 linux/amd64\n"), "0.32.0");
  assertEquals(versionIn('{ "clientVersion": { "gitVersion": "v1.34.4" } }'), "1.34.4");
  assertEquals(versionIn("20.10.24+dfsg1"), "20.10.24");
  assertEquals(versionIn("v4.2.4+g1234"), "4.2.4");
  assertEquals(versionIn("no version"), undefined);
});

Deno.test("isAtLeast: by number, not by text", () => {
  assertEquals(isAtLeast("0.32.0", [0, 30]), true);
  assertEquals(isAtLeast("0.4.0", [0, 30]), false);
  assertEquals(isAtLeast("4.2.4", [3, 14]), true);
  assertEquals(isAtLeast("3.9.0", [3, 14]), false);
});
