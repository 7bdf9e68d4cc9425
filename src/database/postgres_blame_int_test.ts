/**
 * A PostgreSQL that is broken in every way that can be had: the rows are never blamed for it, the words
 * name what is broken, and once that is repaired the same `Database` works again.
 */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { join } from "node:path";
import { RetryableError } from "../runtime/errors.ts";
import { openDatabase } from "./open.ts";
import { createPool, type Pool } from "./postgres_pool.ts";
import { POSTGRES } from "../testing/postgres_binaries.ts";
import { lacks } from "../testing/skips.ts";
import { type PostgresServer, startPostgres } from "./testing/stores.ts";
import { assertStoresFault, notes, write } from "./testing/blame.ts";

const tables = [notes];

interface Postgres {
  readonly server: PostgresServer;
  readonly database: string;
  readonly pool: Pool;
  /** As the owner of everything, in a session of its own. */
  sql(...statements: string[]): Promise<void>;
}

const READ_ONLY = "default_transaction_read_only";
const endSessions = "select pg_terminate_backend(pid) from pg_stat_activity" +
  " where pid <> pg_backend_pid() and backend_type = 'client backend'";

const SITUATIONS: readonly {
  name: string;
  says: string;
  damage: (postgres: Postgres) => Promise<unknown>;
  repair: (postgres: Postgres) => Promise<unknown>;
}[] = [
  {
    name: "a table that is gone",
    says: 'relation "own.notes" does not exist; it was dropped, or DATABASE_URL names another',
    damage: ({ sql }) => sql("alter table own.notes rename to gone"),
    repair: ({ sql }) => sql("alter table own.gone rename to notes"),
  },
  {
    name: "a schema that is gone",
    says: 'relation "own.notes" does not exist; it was dropped',
    damage: ({ sql }) => sql("alter schema own rename to gone"),
    repair: ({ sql }) => sql("alter schema gone rename to own"),
  },
  {
    name: "a column that is gone",
    says: "the table was changed",
    damage: ({ sql }) => sql("alter table own.notes rename column size to pieces"),
    repair: ({ sql }) => sql("alter table own.notes rename column pieces to size"),
  },
  {
    name: "a column of another type",
    says: "table own.notes: column",
    damage: ({ sql }) => sql("alter table own.notes alter body type bytea using null"),
    repair: ({ sql }) => sql("alter table own.notes alter body type text using null"),
  },
  {
    name: "a primary key that is gone",
    says: "the table was changed",
    damage: ({ sql }) => sql("alter table own.notes drop constraint notes_pkey"),
    repair: ({ sql }) => sql("alter table own.notes add primary key (id)"),
  },
  {
    name: "a right that was revoked",
    says: "permission denied for table notes; grant the right",
    damage: ({ sql }) => sql("revoke insert on own.notes from app"),
    repair: ({ sql }) => sql("grant insert on own.notes to app"),
  },
  {
    name: "a database that is read-only",
    says: "read-only transaction; a standby after a failover",
    damage: ({ sql, database }) =>
      sql(`alter database ${database} set ${READ_ONLY} = on`, endSessions),
    repair: ({ sql, database }) =>
      sql(`set ${READ_ONLY} = off`, `alter database ${database} reset ${READ_ONLY}`),
  },
  {
    name: "too many connections",
    says: "raise max_connections",
    damage: ({ sql }) => sql("alter role app connection limit 0", endSessions),
    repair: ({ sql }) => sql("alter role app connection limit -1"),
  },
  {
    name: "a login that is refused",
    says: "check the user and the password",
    damage: ({ sql }) => sql("alter role app nologin", endSessions),
    repair: ({ sql }) => sql("alter role app login"),
  },
  raising(
    "53100",
    "could not extend file: No space left on device",
    "free space on the disk of the server",
  ),
  raising("53200", "out of memory", "the memory of the server is full"),
  raising("57014", "canceling statement due to statement timeout", "it took too long"),
  raising("58030", "could not read block 1 in file", "restore it from a backup"),
  raising("P0001", "not today", "table own.notes: not today"),
  {
    name: "a session that is ended in mid-transaction",
    says: "the connection was closed; its log says why",
    damage: ({ sql }) => sql(trigger("perform pg_terminate_backend(pg_backend_pid())")),
    repair: ({ sql }) => sql("drop function own.fail cascade"),
  },
  {
    name: "pages that are damaged",
    says: "invalid page in block 0 of relation",
    damage: (postgres) => rewriteHeap(postgres, (bytes) => bytes.map((byte) => byte ^ 0xff)),
    repair: (postgres) => rewriteHeap(postgres, (bytes) => bytes.map((byte) => byte ^ 0xff)),
  },
];

/** Every insert fails with an error that cannot be caused otherwise on every machine. */
function raising(code: string, message: string, says: string): typeof SITUATIONS[number] {
  return {
    name: `${code}: ${message}`,
    says,
    damage: ({ sql }) => sql(trigger(`raise exception '${message}' using errcode = '${code}'`)),
    repair: ({ sql }) => sql("drop function own.fail cascade"),
  };
}

function trigger(does: string): string {
  return `do $do$ begin
    create function own.fail() returns trigger language plpgsql security definer as
      $f$ begin ${does}; return new; end $f$;
    create trigger fail before insert on own.notes execute function own.fail();
  end $do$`;
}

/** Rewrites the file of the table while the server is down. */
async function rewriteHeap(
  { pool, server }: Postgres,
  change: (bytes: Uint8Array) => Uint8Array,
): Promise<void> {
  const [place] = await pool.use(async (connection) => {
    await connection.query("checkpoint");
    return await connection.query<{ folder: string; file: string }>(
      "select current_setting('data_directory') as folder," +
        " pg_relation_filepath('own.notes') as file",
    );
  });
  await server.halt();
  const file = join(place!.folder, place!.file);
  await Deno.writeFile(file, change(await Deno.readFile(file)));
  await server.resume();
}

Deno.test({
  name: "postgres: what is the store's is never a record's, is named, and heals by itself",
  ignore: lacks(POSTGRES),
  fn: async (t) => {
    const server = await startPostgres();
    try {
      await withRole(server);
      for (const { name, says, damage, repair } of SITUATIONS) {
        await t.step(name, async () => {
          const url = await server.freshDatabase();
          const pool = createPool(url);
          const postgres: Postgres = {
            server,
            pool,
            database: new URL(url).pathname.slice(1),
            sql: (...statements) =>
              pool.use(async (connection) => {
                for (const statement of statements) await connection.query(statement);
              }),
          };
          await (await openDatabase({ url, directory: "", owner: "own", tables })).close();
          await postgres.sql("grant all on schema own to app", "grant all on own.notes to app");
          const asApp = url.replace("postgres@", "app@");
          const database = await openDatabase({ url: asApp, directory: "", owner: "own", tables });
          try {
            await assertStoresFault(database, {
              says,
              damage: () => damage(postgres),
              repair: () => repair(postgres),
            });
          } finally {
            await database.close();
            await pool.close();
          }
        });
      }
    } finally {
      await server.stop();
    }
  },
});

async function withRole(server: PostgresServer): Promise<void> {
  const pool = createPool(server.url);
  await pool.use((connection) => connection.query("create role app login"));
  await pool.close();
}

/** Too long for an index, however it is packed. */
const INCOMPRESSIBLE = Array.from({ length: 9_000 }, (_, i) => i * 7919 % 9_973).join();

Deno.test({
  name:
    "postgres: what a row's values cause is passed on as it is, what a statement causes is a bug",
  ignore: lacks(POSTGRES),
  fn: async () => {
    const server = await startPostgres();
    const pool = createPool(server.url);
    const database = await openDatabase({ url: server.url, directory: "", owner: "own", tables });
    try {
      await pool.use(async (connection) => {
        for (const change of ["body type varchar(20000)", "body set not null"]) {
          await connection.query(`alter table own.notes alter ${change}`);
        }
        await connection.query("alter table own.notes add check (size < 100)");
        await connection.query("create unique index on own.notes (size)");
      });
      await write(database, "a", "body", 1);
      const refused: Record<string, () => Promise<unknown>> = {
        "23505": () => write(database, "b", "body", 1),
        "23514": () => write(database, "b", "body", 100),
        "22001": () => write(database, "b", "x".repeat(20_001), 2),
        "22021": () => write(database, "b\0", "body", 2),
        "23502": () =>
          database.transaction((tx) => tx.upsert(notes, [{ id: "b", body: null, size: 2 }])),
        "54000": () => write(database, INCOMPRESSIBLE, "body", 2),
      };
      for (const [code, refusedWrite] of Object.entries(refused)) {
        const error = await assertRejects(refusedWrite, Error);
        assert(!(error instanceof RetryableError), `${code}: ${error}`);
        assertEquals((error as Error & { code: string }).code, code);
      }
      await assertRejects(
        () => pool.use((connection) => connection.query("selec 1")),
        TypeError,
        "syntax error",
      );
      assertEquals(await database.count(notes), 1);
    } finally {
      await database.close();
      await pool.close();
      await server.stop();
    }
  },
});
