import { assertEquals } from "@std/assert";
import { withDatabase } from "./postgres.ts";

Deno.test("withDatabase: another database, all else as it was", () => {
  const cases = {
    "postgres://me:secret@db:5432/app": "postgres://me:secret@db:5432/bench",
    "postgresql://db": "postgresql://db/bench",
    "postgres://a:1,b:2/app?target_session_attrs=read-write":
      "postgres://a:1,b:2/bench?target_session_attrs=read-write",
    "postgres://db?sslmode=require": "postgres://db/bench?sslmode=require",
  };
  for (const [url, expected] of Object.entries(cases)) {
    assertEquals(withDatabase(url, "bench"), expected);
  }
});
