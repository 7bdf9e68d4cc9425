import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { assert, assertStringIncludes } from "@std/assert";
import { until } from "../runtime/until.ts";
import { describeSilence, waits } from "../runtime/waits.ts";
import { POSTGRES } from "../testing/postgres_binaries.ts";
import { lacks } from "../testing/skips.ts";
import { type Database, table } from "./database.ts";
import { RetryableError } from "../runtime/errors.ts";
import { openDatabase } from "./open.ts";
import { startPostgres } from "./testing/stores.ts";

const notes = table("notes", "id", { id: "text", body: "text" });
const LIMIT_MS = 60_000;

interface Silenced {
  readonly database: Database;
  /** How it is called in the log. */
  readonly name: string;
  readonly silence: () => void;
  readonly end: () => void;
  readonly remove: () => Promise<void>;
}

/** A way to a server that swallows what goes along it while `silent`; nothing is lost. */
function swallowingRoad(port: number) {
  let silence: PromiseWithResolvers<void> | undefined;
  const conns = new Set<Deno.Conn>();
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const pass = async (from: Deno.Conn, to: Deno.Conn) => {
    const buffer = new Uint8Array(64 * 1024);
    try {
      for (let count; (count = await from.read(buffer)) !== null;) {
        await silence?.promise;
        for (let at = 0; at < count;) at += await to.write(buffer.subarray(at, count));
      }
    } catch { /* one of them is closed */ }
    for (const conn of [from, to]) {
      if (conns.delete(conn)) conn.close();
    }
  };
  const work = (async () => {
    const passing: Promise<void>[] = [];
    for await (const client of listener) {
      const server = await Deno.connect({ hostname: "127.0.0.1", port });
      conns.add(client).add(server);
      passing.push(pass(client, server), pass(server, client));
    }
    await Promise.all(passing);
  })();
  return {
    port: (listener.addr as Deno.NetAddr).port,
    silence: () => void (silence ??= Promise.withResolvers()),
    end() {
      silence?.resolve();
      silence = undefined;
    },
    async close() {
      listener.close();
      for (const conn of conns) conn.close();
      conns.clear();
      await work;
    },
  };
}

async function silencedPostgres(): Promise<Silenced> {
  const server = await startPostgres();
  const road = swallowingRoad(Number(new URL(server.url).port));
  const url = server.url.replace(new URL(server.url).port, String(road.port));
  const database = await openDatabase({ url, directory: "unused", owner: "own", tables: [notes] });
  return {
    database,
    name: `PostgreSQL at 127.0.0.1:${road.port}/`,
    silence: road.silence,
    end: road.end,
    async remove() {
      await database.close();
      await road.close();
      await server.stop();
    },
  };
}

async function lockedSqlite(): Promise<Silenced> {
  const directory = await Deno.makeTempDir();
  const path = join(directory, "own.db");
  const database = await openDatabase({ directory, owner: "own", tables: [notes] });
  const other = new DatabaseSync(path);
  return {
    database,
    name: `SQLite at ${path}`,
    silence: () => other.exec("begin immediate"),
    end: () => other.exec("rollback"),
    async remove() {
      other.close();
      await database.close();
      await Deno.remove(directory, { recursive: true });
    },
  };
}

const CASES = [
  ["PostgreSQL that a network swallows", silencedPostgres, lacks(POSTGRES)],
  ["SQLite that another process has locked", lockedSqlite, false],
] as const;

for (const [what, open, ignore] of CASES) {
  Deno.test({ name: `waits: ${what} is logged, and its end, too`, ignore }, async () => {
    const { database, name, silence, end, remove } = await open();
    try {
      const write = () =>
        database.transaction((tx) => tx.upsert(notes, [{ id: "a", body: null }])).then(
          () => true,
          (error) => {
            if (!(error instanceof RetryableError)) throw error;
            return false;
          },
        );
      assert(await write());
      silence();
      let writing = true;
      // As the services do: again and again.
      const trying = (async () => {
        while (writing) writing = !await write();
      })();
      await until("a silence is reported", () => waits.silent().length > 0, LIMIT_MS, 100);
      const line = describeSilence(waits.silent()[0]!);
      assertStringIncludes(line, `waiting for ${name}`);
      end();
      await trying;
      assert(waits.silent().length === 0, "it has answered");
    } finally {
      await remove();
    }
  });
}
