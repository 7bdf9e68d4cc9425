import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { clockCheck } from "../runtime/clock.ts";
import { RetryableError } from "../runtime/errors.ts";
import { until } from "../runtime/until.ts";
import { POSTGRES } from "../testing/postgres_binaries.ts";
import { lacks } from "../testing/skips.ts";
import { createPool } from "./postgres_pool.ts";
import { withServer } from "./testing/stores.ts";

Deno.test({
  name: "pool: a clock that differs from the database's is logged, by how much",
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
  name: "pool: lends at most four connections at once, to callers in turn",
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
        // One connection may take so long to open that the others serve all callers meanwhile.
        await until("four are lent at once", () => most >= 4);
        atOnce--;
        return row!.id;
      })));
    assertEquals(most, 4);
    assert(new Set(ids).size <= 4);
    await pool.close();
    await assertRejects(() => pool.use((c) => c.query("select 1")), Error, "closed");
  }));

Deno.test("pool: a url that cannot be used is an error at every use, and closing does not wait", async () => {
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
