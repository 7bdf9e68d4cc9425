import { assertEquals, assertRejects } from "@std/assert";
import { join } from "node:path";
import { Failure } from "../runtime/errors.ts";
import { charges as ownCharges } from "./payment/gateway_ledger.ts";
import { createPool } from "../database/postgres_pool.ts";
import { eachStore } from "../database/testing/stores.ts";
import { charges, openTables, type Owned, runs } from "./tables.ts";

async function scanAll(tables: ReturnType<typeof openTables>, owned: Owned) {
  const found = [];
  for await (const rows of tables.scan(owned)) found.push(...rows);
  return found;
}

eachStore("openTables: reads what a service wrote, whatever columns it has", async (place) => {
  const own = await place.open("gateway", [ownCharges]);
  const row = {
    idempotency_key: "r1-000000",
    payment_id: "pay-1",
    status: "charged",
    reason: null,
    amount_cents: 1_300,
    currency: "EUR",
    refunded_cents: 0,
    booked_by: "somebody",
  };
  await own.transaction((tx) => tx.insert(ownCharges, [row]));
  const tables = openTables({ databaseUrl: place.url ?? "", dataDir: place.directory });
  try {
    // The columns that the audit declares, and the whole row of one.
    const { reason: _, booked_by: __, ...declared } = row;
    assertEquals<unknown>(await scanAll(tables, charges), [declared]);
    assertEquals<unknown>(await tables.row(charges, "r1-000000"), row);
    assertEquals(await tables.row(charges, "r1-000001"), undefined);
  } finally {
    await tables.close();
  }
});

eachStore("openTables: a table that is missing has no rows, and is not made", async (place) => {
  for (let attempt = 0; attempt < 2; attempt++) {
    const tables = openTables({ databaseUrl: place.url ?? "", dataDir: place.directory });
    try {
      assertEquals(await scanAll(tables, runs), []);
      assertEquals(tables.missing(), ["there is no table simulator.runs"]);
      assertEquals(await tables.row(charges, "r1"), undefined);
      assertEquals(tables.missing()[1], "there is no table gateway.charges");
    } finally {
      await tables.close();
    }
  }
});

eachStore("openTables: what is broken is a failure in one line that names it", async (place) => {
  const { url, directory } = place;
  await (await place.open("gateway", [ownCharges])).close();
  if (url) {
    const pool = createPool(url);
    await pool.use((connection) =>
      connection.query("alter table gateway.charges rename column idempotency_key to key")
    );
    await pool.close();
  } else {
    await Deno.writeFile(join(directory, "gateway.db"), new Uint8Array(8_192).fill(7));
  }
  const says = url ? "table gateway.charges: column" : "gateway.db: file is not a database";
  for (const read of ["scan", "row"] as const) {
    const tables = openTables({ databaseUrl: url ?? "", dataDir: directory });
    const broken = read === "scan" ? scanAll(tables, charges) : tables.row(charges, "r1");
    const { message } = await assertRejects(() => broken, Failure, says);
    assertEquals(message.includes("\n"), false);
    await tables.close();
  }
});
