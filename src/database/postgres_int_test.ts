/** What only PostgreSQL can do to us: go away, in the middle of anything, and come back. */
import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { clockCheck } from "../runtime/clock.ts";
import { type Database, table } from "./database.ts";
import { RetryableError } from "../runtime/errors.ts";
import { openDatabase } from "./open.ts";
import { until } from "../runtime/until.ts";
import { createPool } from "./postgres_pool.ts";
import { POSTGRES } from "../testing/postgres_binaries.ts";
import { lacks } from "../testing/skips.ts";
import { type PostgresServer, startPostgres } from "./testing/stores.ts";

const notes = table("notes", "id", { id: "text", body: "text" });
const write = (database: Database, id: string) =>
  database.transaction((tx) => tx.insert(notes, [{ id, body: null }]));

async function withServer(body: (server: PostgresServer) => Promise<void>): Promise<void> {
  const server = await startPostgres();
  try {
    await body(server);
  } finally {
    await server.stop();
  }
}

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
  name: "pool: a clock that differs from the database's is told, by how much",
  ignore: lacks(POSTGRES),
}, () =>
  withServer(async (server) => {
    const lines: string[] = [];
    const note = (line: string) => void lines.push(line);
    clockCheck.logTo({ warn: note, info: note });
    const pool = createPool(server.url);
    const { now } = Date;
    Date.now = () => now() + 3_600_000;
    try {
      await pool.use((c) => c.query("select 1"));
    } finally {
      Date.now = now;
    }
    assertEquals(lines.length, 1);
    assertStringIncludes(lines[0]!, " s ahead of that of PostgreSQL at 127.0.0.1:");
    await pool.close();
  }));

Deno.test({
  name: "pool: a password that is rotated is read again for the next connection",
  ignore: lacks(POSTGRES),
}, () =>
  withServer(async (server) => {
    const admin = createPool(server.url);
    const say = (sql: string) => admin.use((connection) => connection.query(sql));
    await say("create role app login password 'one'");
    const [hba] = await admin.use((connection) =>
      connection.query<{ file: string }>("select current_setting('hba_file') as file")
    );
    const rules = ["host all app samehost scram-sha-256", "host all all samehost trust"];
    const rows = rules.map((rule) => `select '${rule}'`).join(" union all ");
    await say(`copy (${rows}) to '${hba!.file}'`);
    await say("select pg_reload_conf()");

    let content: string | Error = "one";
    const password = {
      path: "FILE",
      read() {
        if (content instanceof Error) throw content;
        return content;
      },
    };
    const url = server.url.replace("postgres@", "app:out-of-date@");
    const pool = createPool(url, undefined, password);
    const works = () => pool.use((connection) => connection.query("select 1"));
    const cut = () =>
      say("select pg_terminate_backend(pid) from pg_stat_activity where usename = 'app'");
    await works();
    await say("alter role app password 'two'");
    await works();
    await cut();
    // What comes first is that the old connection is gone.
    const failsWith = (part: string) =>
      until(part, async () => (await assertRejects(works, RetryableError)).message.includes(part));
    await failsWith('password authentication failed for user "app"');
    await failsWith("(or DATABASE_PASSWORD_FILE)");
    content = new Error("DATABASE_PASSWORD_FILE: gone");
    await failsWith("DATABASE_PASSWORD_FILE: gone");
    content = "two";
    await until("it works", () => works().then(() => true, () => false));
    await pool.close();
    await admin.close();
  }));

Deno.test("pool: an IPv6 address is reached as such, and named in brackets", async () => {
  const pool = createPool("postgres://x:s3cret@[::1]:1/orders");
  const error = await assertRejects(() => pool.use((c) => c.query("select 1")), RetryableError);
  assertStringIncludes(error.message, "PostgreSQL at [::1]:1/orders: ");
  assertStringIncludes(error.message, "::1");
  assert(!/ENOTFOUND|s3cret/.test(error.message), error.message);
  await pool.close();
});

Deno.test({
  name: "pool: lends at most four connections at once, to everyone in turn",
  ignore: lacks(POSTGRES),
}, () =>
  withServer(async (server) => {
    const pool = createPool(server.url);
    let atOnce = 0;
    let most = 0;
    const ids = await Promise.all(Array.from({ length: 20 }, () =>
      pool.use(async (connection) => {
        most = Math.max(most, ++atOnce);
        const [row] = await connection.query<{ id: number }>("select pg_backend_pid() as id");
        atOnce--;
        return row!.id;
      })));
    assertEquals(most, 4);
    assert(new Set(ids).size <= 4);
    await pool.close();
    await assertRejects(() => pool.use((c) => c.query("select 1")), Error, "closed");
  }));

Deno.test("pool: a url that can't be used is an error at every use, and closing waits for nobody", async () => {
  const pool = createPool("postgres://x@127.0.0.1:1/orders?target_session_attrs=nonsense");
  for (let i = 0; i < 6; i++) {
    await assertRejects(() => pool.use((c) => c.query("select 1")), Error, "nonsense");
  }
  await pool.close();
});

Deno.test({
  name: "pool: what makes one connection useless ends the idle ones as well",
  ignore: lacks(POSTGRES),
  fn: () =>
    withServer(async (server) => {
      const pool = createPool(server.url);
      const ids = async () =>
        new Set(
          await Promise.all([1, 2, 3, 4].map(() =>
            pool.use(async (connection) => {
              const [row] = await connection.query<{ id: number }>("select pg_backend_pid() as id");
              return row!.id;
            })
          )),
        );
      const before = await ids();
      const failover = "do $$ begin raise exception 'a standby' using errcode = '25006'; end $$";
      await assertRejects(() => pool.use((c) => c.query(failover)), RetryableError, "a standby");
      assertEquals((await ids()).intersection(before).size, 0);
      await pool.close();
    }),
});

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

Deno.test("pool: names all hosts of its url, and nothing else of it", async () => {
  const pool = createPool(
    "postgres://x:s3cret@127.0.0.1:1,127.0.0.1:2/orders?application_name=y",
    500,
  );
  const error = await assertRejects(() => pool.use((c) => c.query("select 1")), RetryableError);
  assertStringIncludes(error.message, "PostgreSQL at 127.0.0.1:1,127.0.0.1:2/orders: ");
  assert(!error.message.includes("s3cret"), error.message);
  await pool.close();
});
