/** An SQLite file that is broken in every way that can be had: the same as for PostgreSQL. */
import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { dirname, join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { Failure, RetryableError } from "../runtime/errors.ts";
import { until } from "../runtime/until.ts";
import type { Database } from "./database.ts";
import { openDatabase } from "./open.ts";
import { assertStoresFault, notes, write } from "./testing/blame.ts";

const tables = [notes];

/** As another process that has the file open. */
function sqlite(file: string, ...statements: string[]): void {
  const connection = new DatabaseSync(file);
  for (const statement of statements) connection.exec(statement);
  connection.close();
}

/** Whatever is in the log goes to the file first, and no connection keeps it from being read. */
function rewrite(file: string, change: (bytes: Uint8Array) => Uint8Array): void {
  sqlite(file, "pragma wal_checkpoint(truncate)");
  Deno.writeFileSync(file, change(Deno.readFileSync(file)));
}

const damaged = (from: number) => (bytes: Uint8Array) =>
  bytes.map((byte, at) => at < from ? byte : byte ^ 0xff);

const SQLITE: readonly {
  name: string;
  says: string;
  damage: (file: string) => void;
  repair: (file: string) => void;
}[] = [
  {
    name: "a table that is gone",
    says: "no such table: notes; it was dropped, or DATA_DIR names another folder",
    damage: (file) => sqlite(file, "alter table notes rename to gone"),
    repair: (file) => sqlite(file, "alter table gone rename to notes"),
  },
  {
    name: "a column that is gone",
    says: "the table was changed",
    damage: (file) => sqlite(file, "alter table notes rename column size to pieces"),
    repair: (file) => sqlite(file, "alter table notes rename column pieces to size"),
  },
  {
    name: "a key that is gone",
    says: "the table was changed",
    damage: (file) => sqlite(file, "alter table notes rename column id to name"),
    repair: (file) => sqlite(file, "alter table notes rename column name to id"),
  },
  {
    name: "pages that are damaged",
    says: "database disk image is malformed; the file is damaged",
    damage: (file) => rewrite(file, damaged(4_096)),
    repair: (file) => Deno.writeFileSync(file, damaged(4_096)(Deno.readFileSync(file))),
  },
  {
    name: "a file that is no database",
    says: "file is not a database; the file is damaged, or no SQLite database",
    damage: (file) => rewrite(file, damaged(0)),
    repair: (file) => Deno.writeFileSync(file, damaged(0)(Deno.readFileSync(file))),
  },
];

for (const { name, says, damage, repair } of SQLITE) {
  Deno.test(`sqlite: ${name} is the store's fault, is named, and heals by itself`, () =>
    withFile(async (file, database) => {
      await assertStoresFault(database, {
        says,
        damage: () => damage(file),
        repair: () => repair(file),
      });
    }));
}

async function withFile(
  body: (file: string, database: Database) => Promise<void>,
): Promise<void> {
  const directory = await Deno.makeTempDir({ prefix: "orderflow-blame-" });
  const database = await openDatabase({ directory, owner: "own", tables });
  try {
    await body(join(directory, "own.db"), database);
  } finally {
    await database.close();
    await Deno.remove(directory, { recursive: true });
  }
}

Deno.test("sqlite: a file that is gone is not replaced by an empty one, and is used when it is back", () =>
  withFile(async (file, database) => {
    await write(database, "before");
    await Deno.rename(file, `${file}.away`);
    await until(
      "the file is missed",
      () => write(database, "lost?").then(() => false, (error) => error instanceof RetryableError),
    );
    await assertRejects(() => database.count(notes), RetryableError, "the file is gone");
    await Deno.rename(`${file}.away`, file);
    await until("it works again", () => write(database, "after").then(() => true, () => false));
  }));

Deno.test("sqlite: a restored backup is what is written to from then on", () =>
  withFile(async (file, database) => {
    await write(database, "before");
    sqlite(file, `vacuum into '${file}.backup'`);
    await write(database, "after the backup");
    for (const part of ["-wal", "-shm"]) await Deno.remove(file + part);
    await Deno.rename(`${file}.backup`, file);
    await until("the backup is read", () => database.count(notes).then((count) => count === 1));
    await until("the backup is written to", async () => {
      await write(database, "new");
      const other = new DatabaseSync(file, { readOnly: true });
      const found = other.prepare("select id from notes where id = 'new'").all();
      other.close();
      return found.length === 1;
    });
  }));

Deno.test("sqlite: what a row's values cause is passed on as it is", () =>
  withFile(async (file, database) => {
    sqlite(file, "create unique index one on notes (size)");
    await write(database, "a");
    const error = await assertRejects(() => write(database, "b"), Error);
    assert(!(error instanceof RetryableError), String(error));
    assertStringIncludes(error.message, "UNIQUE constraint failed: notes.size");
    assertEquals(await database.count(notes), 1);
  }));

Deno.test("sqlite: a damaged file is a failure at the start, in one line that names it", () =>
  withFile(async (file, database) => {
    await database.close();
    for (const damage of [damaged(0), damaged(18)]) {
      await Deno.writeFile(file, damage(new Uint8Array(8_192).fill(1)));
      const again = () => openDatabase({ directory: dirname(file), owner: "own", tables });
      const { message } = await assertRejects(again, Failure, `SQLite at ${file}: `);
      assertEquals(message.includes("\n"), false);
    }
  }));
