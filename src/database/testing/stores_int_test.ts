import { assertEquals } from "@std/assert";
import { POSTGRES } from "../../testing/postgres_binaries.ts";
import { lacks } from "../../testing/skips.ts";
import { createPool } from "../postgres_pool.ts";
import { startPostgres } from "./stores.ts";

Deno.test({ name: "startPostgres: a server that answers", ignore: lacks(POSTGRES) }, async () => {
  const server = await startPostgres();
  const pool = createPool(await server.freshDatabase());
  try {
    const rows = await pool.use((connection) => connection.query("select 6 * 7 as answer"));
    assertEquals(rows, [{ answer: 42 }]);
  } finally {
    await pool.close();
    await server.stop();
  }
});
