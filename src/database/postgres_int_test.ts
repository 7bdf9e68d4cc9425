/** What only PostgreSQL can do to us: go away, in the middle of anything, and come back. */
import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { type Database, table } from "./database.ts";
import { RetryableError } from "../runtime/errors.ts";
import { openDatabase } from "./open.ts";
import { until } from "../runtime/until.ts";
import { createPool } from "./postgres_pool.ts";
import { POSTGRES } from "../testing/postgres_binaries.ts";
import { lacks } from "../testing/skips.ts";
import { withServer } from "./testing/stores.ts";

const notes = table("notes", "id", { id: "text", body: "text" });
const write = (database: Database, id: string) =>
  database.transaction((tx) => tx.insert(notes, [{ id, body: null }]));

const open = (url: string) =>
  openDatabase({ url, directory: "unused", owner: "own", tables: [notes] });

/** The address with a password, which trust authentication ignores and messages must not show. */
const withPassword = (url: string) => url.replace("postgres@", "postgres:s3cret@");

Deno.test({
  name: "postgres: stopped, it is a RetryableError; started again, the same Database works",
  ignore: lacks(POSTGRES),
}, () =>
  withServer(async (server) => {
    const db = await open(withPassword(server.url));
    await Promise.all(["a", "b", "c"].map((id) => write(db, id)));
    for (let round = 0; round < 3; round++) {
      await server.halt();
      for (let i = 0; i < 6; i++) {
        const error = await assertRejects(() => write(db, "lost"), RetryableError);
        assertStringIncludes(error.message, new URL(server.url).host);
        assert(!error.message.includes("s3cret"), error.message);
      }
      await assertRejects(() => db.count(notes), RetryableError);
      await server.resume();
      await Promise.all([1, 2, 3, 4, 5].map((i) => write(db, `${round}-${i}`)));
    }
    assertEquals(await db.count(notes), 3 + 3 * 5);
    await db.close();
  }));

Deno.test({
  name: "postgres: gone in mid-transaction, nothing of it happened, and no other is harmed",
  ignore: lacks(POSTGRES),
}, () =>
  withServer(async (server) => {
    const db = await open(server.url);
    // Between two statements: nothing waits for an answer when the connection breaks.
    const between = Promise.withResolvers<void>();
    const halted = Promise.withResolvers<void>();
    const broken = assertRejects(() =>
      db.transaction(async (tx) => {
        await tx.insert(notes, [{ id: "half", body: null }]);
        between.resolve();
        await halted.promise;
        await tx.insert(notes, [{ id: "other half", body: null }]);
      }), RetryableError);
    await between.promise;
    // And while many wait for one.
    const batch = Array.from(
      { length: 2_000 },
      (_, i) => ({ id: `n-${i}`, body: "x".repeat(200) }),
    );
    const busy = Promise.allSettled(
      Array.from({ length: 8 }, () => db.transaction((tx) => tx.upsert(notes, batch))),
    );
    await server.halt();
    const results = await busy;
    await server.resume();
    // The server is back: what is left of the transaction must not slip through on a new connection.
    halted.resolve();
    await broken;
    for (const result of results) {
      if (result.status === "rejected") {
        assert(result.reason instanceof RetryableError, result.reason);
      }
    }
    await write(db, "after");
    const count = await db.count(notes);
    assert(count === 1 || count === 2_001, `${count} rows: a batch is there whole, or not at all`);
    const halves = await db.transaction((tx) => tx.select(notes, ["half", "other half"]));
    assertEquals(halves, []);
    await db.close();
  }));

Deno.test(
  { name: "postgres: not there when opened, it is a RetryableError", ignore: lacks(POSTGRES) },
  () =>
    withServer(async (server) => {
      await server.halt();
      await assertRejects(() => open(server.url), RetryableError, "ECONNREFUSED");
      await server.resume();
      await (await open(server.url)).close();
    }),
);

Deno.test({
  name: "postgres: an address of an unknown database or host is a RetryableError and says so",
  ignore: lacks(POSTGRES),
}, () =>
  withServer(async (server) => {
    await assertRejects(() => open(`${server.url}_not_there`), RetryableError, "does not exist");
    const { port } = new URL(server.url);
    const nowhere = `postgres://x:s3cret@nowhere.invalid:${port}/orders`;
    const error = await assertRejects(() => open(nowhere), RetryableError, "nowhere.invalid");
    assert(!error.message.includes("s3cret"), error.message);
  }));

Deno.test({
  name: "postgres: a connection that gives no answer in time is given up, others are taken",
  ignore: lacks(POSTGRES),
}, () =>
  withServer(async (server) => {
    // Enough for the second question, which opens a new connection, on a busy machine, too.
    const pool = createPool(server.url, 2_000);
    const late = () => pool.use((connection) => connection.query("select pg_sleep(6)"));
    await assertRejects(late, RetryableError, "no answer within 2000 ms");
    assertEquals(await pool.use((c) => c.query("select 1 as one")), [{ one: 1 }]);
    await pool.close();
  }));

Deno.test({
  name: "postgres: a transaction that its owner left idle is ended, its locks with it",
  ignore: lacks(POSTGRES),
}, () =>
  withServer(async (server) => {
    const pool = createPool(server.url);
    const [limit] = await pool.use((connection) =>
      connection.query<{ limit: string }>(
        "select current_setting('idle_in_transaction_session_timeout') as limit",
      )
    );
    assertEquals(limit, { limit: "10s" });
    const db = await open(server.url);
    await write(db, "a");
    const frozen = pool.use(async (connection) => {
      await connection.query("set idle_in_transaction_session_timeout = 100");
      await connection.query("begin");
      await connection.query("select * from own.notes where id = 'a' for update");
      // Another transaction gets the lock only because the server ends this one.
      await db.transaction((tx) => tx.select(notes, ["a"], { lock: true }));
      await connection.query("commit");
    });
    await assertRejects(() => frozen, RetryableError);
    await db.close();
    await pool.close();
  }));

Deno.test({
  name: "postgres: of several hosts the one that may be written to is used, also after a failover",
  ignore: lacks(POSTGRES),
  fn: () =>
    withServer((first) =>
      withServer(async (second) => {
        await (await open(first.url)).close();
        const atSecond = await open(second.url);
        const hosts = [first, second].map(({ url }) => new URL(url).host).join();
        const db = await open(
          `postgres://postgres:s3cret@${hosts}/postgres?target_session_attrs=read-write`,
        );
        await write(db, "before");
        const pool = createPool(first.url);
        for (
          const failover of [
            "alter database postgres set default_transaction_read_only = on",
            "select pg_terminate_backend(pid) from pg_stat_activity" +
            " where pid <> pg_backend_pid() and backend_type = 'client backend'",
          ]
        ) await pool.use((connection) => connection.query(failover));
        await pool.close();
        const said: string[] = [];
        await until("the second is written to", () =>
          write(db, "after").then(() => true, ({ message }) => {
            said.push(message);
            return false;
          }));
        assertEquals(await atSecond.count(notes), 1);
        for (const line of said) {
          assertStringIncludes(line, `PostgreSQL at ${hosts}/postgres`);
        }
        await Promise.all([db.close(), atSecond.close()]);
      })
    ),
});
