import { assertEquals, assertThrows } from "@std/assert";
import { readConfig } from "../runtime/config.ts";
import { checks, settings } from "./settings.ts";

const read = (args: string[], env: Record<string, string> = {}) =>
  readConfig(settings, {
    checks,
    sources: { args, env: (name) => env[name], readFile: () => "" },
  }).config;

Deno.test("--only: in the order in which one needs the other, whatever the order given", () => {
  assertEquals(read(["--only", "tools, steady,flat-out"]).only, ["flat-out", "steady", "tools"]);
  assertEquals(read(["--only", "analytics,validator"]).only, ["validator", "analytics"]);
  assertEquals(read([]).only, ["flat-out", "steady", "validator", "tools"]);
});

Deno.test("--only: an unknown scenario is a fault", () => {
  assertThrows(() => read(["--only", "flat-out,fast"]), Error, "expected some of flat-out, steady");
  assertThrows(() => read(["--only", ""]), Error, "expected some of flat-out");
});

Deno.test("--only postgres: needs one", () => {
  assertThrows(() => read(["--only", "postgres"]), Error, "needs a PostgreSQL in DATABASE_URL");
  const config = read(["--only", "postgres"], { DATABASE_URL: "postgres://localhost/x" });
  assertEquals(config.only, ["postgres"]);
});
