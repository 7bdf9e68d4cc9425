/** The contract of `Database`, one suite for both backends; and what is each one's own. */
import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import fc from "fast-check";
import { pause } from "../runtime/shutdown.ts";
import { type Row, table } from "./database.ts";
import { RetryableError } from "../runtime/errors.ts";
import { openDatabase } from "./open.ts";
import { counters } from "./testing/increment.ts";
import { eachDatabase } from "./testing/each_database.ts";
import { all } from "./testing/stores.ts";

const notes = table("notes", "id", { id: "text", body: "text", size: "integer" });
type Note = Row<typeof notes>;

const note = (id: string, body: string | null = "body", size: number | null = 1): Note => ({
  id,
  body,
  size,
});

const byKey = (rows: Note[]) => rows.toSorted((a, b) => bytewise(a.id, b.id));
const utf8 = new TextEncoder();
function bytewise(a: string, b: string): number {
  const [left, right] = [utf8.encode(a), utf8.encode(b)];
  const at = left.findIndex((byte, i) => byte !== right[i]);
  return at < 0 ? left.length - right.length : left[at]! - (right[at] ?? -1);
}

eachDatabase("insert: returns exactly the rows that were there already", async ({ open }) => {
  const db = await open("notes", [notes]);
  for (const lock of [false, true]) {
    const insert = async (body: string, ...ids: string[]) => {
      const rows = ids.map((id) => note(id + lock, body));
      return byKey(await db.transaction((tx) => tx.insert(notes, rows, { lock })));
    };
    assertEquals(await insert("first", "a", "b", "a"), []);
    assertEquals(
      await insert("second", "b", "c", "a", "c", "a"),
      ["a", "b"].map((id) => note(id + lock, "first")),
    );
    assertEquals(await insert("third", "c"), [note(`c${lock}`, "second")]);
    assertEquals(await insert("third"), []);
  }
});

eachDatabase("insert: of many rows, every other one is there already", async ({ open }) => {
  const db = await open("notes", [notes]);
  const rows = Array.from({ length: 1_001 }, (_, i) => note(`n-${i}`, "new"));
  const old = rows.filter((_, i) => i % 2 === 0).map((row) => ({ ...row, body: "old" }));
  await db.transaction((tx) => tx.insert(notes, old));
  assertEquals(byKey(await db.transaction((tx) => tx.insert(notes, rows))), byKey(old));
  assertEquals(await db.count(notes), rows.length);
  assertEquals((await all(db, notes)).filter(({ body }) => body === "old"), byKey(old));
});

eachDatabase("insert: a row whose key is there changes nothing", async ({ open }) => {
  const db = await open("notes", [notes]);
  await db.transaction((tx) => tx.insert(notes, [note("a", "first"), note("a", "in the batch")]));
  await db.transaction((tx) => tx.insert(notes, [note("a", "second"), note("b")]));
  assertEquals(await all(db, notes), [note("a", "first"), note("b")]);
});

eachDatabase(
  "upsert: replaces the row whose key is there, the last of a batch counts",
  async ({ open }) => {
    const db = await open("notes", [notes]);
    await db.transaction((tx) => tx.insert(notes, [note("a", "first", 1), note("b")]));
    await db.transaction((tx) => tx.upsert(notes, [note("a", "x"), note("c"), note("a", null, 2)]));
    assertEquals(await all(db, notes), [note("a", null, 2), note("b"), note("c")]);
  },
);

eachDatabase(
  "update: replaces rows that are as they should be, and names the others",
  async ({ open }) => {
    const db = await open("notes", [notes]);
    const before = [
      note("a", "mine", 1),
      note("b", "yours", 1),
      note("c", null, 1),
      note("d", "mine"),
    ];
    await db.transaction((tx) => tx.insert(notes, before));
    const change = (...rows: Note[]) => db.transaction((tx) => tx.update(notes, rows, "body"));
    const others = await change(
      note("d", "mine", null),
      note("a", "mine", 2),
      note("b", "mine", 2),
      note("c", null, 2),
      note("missing", "mine", 2),
      note("a", "mine", 3),
    );
    assertEquals(others, new Set(["b", "c", "missing"]));
    assertEquals(
      await all(db, notes),
      [note("a", "mine", 3), note("b", "yours", 1), note("c", null, 1), note("d", "mine", null)],
    );
    assertEquals(await change(), new Set());
  },
);

eachDatabase("transaction: a single step is done, a second one is a bug", async ({ open }) => {
  const db = await open("notes", [notes]);
  const single = { single: true };
  assertEquals(await db.transaction((tx) => tx.insert(notes, [note("a")]), single), []);
  assertEquals(await db.transaction((tx) => tx.insert(notes, [note("a", "b")]), single), [
    note("a"),
  ]);
  await db.transaction((tx) => tx.upsert(notes, [note("a", "c"), note("b")]), single);
  assertEquals(
    byKey(await db.transaction((tx) => tx.select(notes, ["b", "a"]), single)),
    [note("a", "c"), note("b")],
  );
  const two = db.transaction(async (tx) => {
    await tx.select(notes, ["a"]);
    await tx.upsert(notes, [note("a", "d")]);
  }, single);
  await assertRejects(() => two, TypeError, "one step");
  const refused = () =>
    db.transaction((tx) => tx.upsert(notes, [note("a", "e"), note("c", "e", 0.5)]), single);
  await assertRejects(refused, Error, "notes.size");
  assertEquals(await all(db, notes), [note("a", "c"), note("b")]);
});

eachDatabase(
  "transaction: of several that wait together, each has its own answer or error",
  async ({ open }) => {
    const db = await open("notes", [notes]);
    const insert = (id: string, size: number) =>
      db.transaction(async (tx) => {
        await tx.insert(notes, [note(id)]);
        await tx.upsert(notes, [note(id, "changed", size)]);
        return id;
      });
    assertEquals(await Promise.all([insert("a", 1), insert("b", 2)]), ["a", "b"]);
    const outcomes = await Promise.allSettled([
      insert("a", 1),
      insert("b", 2),
      insert("refused", 0.5),
      db.transaction(() => Promise.reject(new Error("its own"))),
      insert("c", 3),
    ]);
    assertEquals(
      outcomes.map((outcome) =>
        outcome.status === "fulfilled" ? outcome.value : outcome.reason.message
      ),
      ["a", "b", "notes.size: 0.5 is not a safe integer", "its own", "c"],
    );
    const rows = await all(db, notes);
    assertEquals(byKey(rows), [
      note("a", "changed", 1),
      note("b", "changed", 2),
      note("c", "changed", 3),
    ]);
  },
);

eachDatabase("select: returns what exists, once, with or without lock", async ({ open }) => {
  const db = await open("notes", [notes]);
  await db.transaction((tx) => tx.insert(notes, [note("b"), note("a"), note("c")]));
  for (const lock of [false, true]) {
    const rows = await db.transaction((tx) =>
      tx.select(notes, ["c", "missing", "a", "a"], { lock })
    );
    assertEquals(byKey(rows), [note("a"), note("c")]);
  }
});

eachDatabase(
  "tables: declared with fewer columns, a select gets whole rows, a scan these columns; others are left null",
  async ({ open }) => {
    const db = await open("notes", [notes]);
    const narrow = table("notes", "id", { id: "text", size: "integer" });
    await db.transaction((tx) => tx.insert(notes, [note("a", "first", 1)]));
    await db.transaction((tx) => tx.upsert(narrow, [{ id: "a", size: 2 }, { id: "b", size: 3 }]));
    const whole = [note("a", "first", 2), note("b", null, 3)];
    assertEquals(byKey(await db.transaction((tx) => tx.select(notes, ["a", "b"]))), whole);
    assertEquals(await all(db, narrow), [{ id: "a", size: 2 }, { id: "b", size: 3 }]);
  },
);

eachDatabase(
  "transaction: sees what it wrote itself, and returns what work returns",
  async ({ open }) => {
    const db = await open("notes", [notes]);
    const found = await db.transaction(async (tx) => {
      await tx.insert(notes, [note("a")]);
      await tx.upsert(notes, [note("a", "changed")]);
      return await tx.select(notes, ["a"]);
    });
    assertEquals(found, [note("a", "changed")]);
  },
);

eachDatabase(
  "transaction: when work throws, nothing happened, and its error is passed on",
  async ({ open }) => {
    const db = await open("notes", [notes]);
    const bug = new RangeError("from work");
    const thrown = await assertRejects(() =>
      db.transaction(async (tx) => {
        await tx.insert(notes, [note("a")]);
        throw bug;
      })
    );
    assert(thrown === bug);
    assertEquals(await db.count(notes), 0);
    await db.transaction((tx) => tx.insert(notes, [note("b")]));
    assertEquals(await all(db, notes), [note("b")]);
  },
);

eachDatabase("transaction: a failed step dooms it, even when work goes on", async ({ open }) => {
  const db = await open("notes", [notes]);
  const failing = db.transaction(async (tx) => {
    await tx.insert(notes, [note("a")]);
    await tx.insert(table("nowhere", "id", { id: "text" }), [{ id: "x" }]).catch(() => {});
  });
  await assertRejects(() => failing, RetryableError, "nowhere");
  assertEquals(await db.count(notes), 0);
});

eachDatabase("transaction: its tx is of no use once it is over", async ({ open }) => {
  const db = await open("notes", [notes]);
  const tx = await db.transaction((tx) => Promise.resolve(tx));
  await assertRejects(() => tx.insert(notes, [note("a")]), Error, "is over");
  assertEquals(await db.count(notes), 0);
});

eachDatabase("transaction: empty batches are no work", async ({ open }) => {
  const db = await open("notes", [notes]);
  await db.transaction(async (tx) => {
    await tx.insert(notes, []);
    await tx.upsert(notes, []);
    assertEquals(await tx.select(notes, []), []);
    assertEquals(await tx.select(notes, [], { lock: true }), []);
  });
  assertEquals(await all(db, notes), []);
});

eachDatabase("transaction: many at once on one Database are all done", async ({ open }) => {
  const db = await open("notes", [notes]);
  const ids = Array.from({ length: 30 }, (_, i) => `n-${i}`);
  await Promise.all(ids.map((id) => db.transaction((tx) => tx.insert(notes, [note(id)]))));
  assertEquals(await db.count(notes), ids.length);
});

const TEXTS = [
  "__proto__",
  "constructor",
  "'; drop table notes; --",
  'quote " backslash \\ brace {} comma , null',
  "null",
  "",
  " ",
  "line\nbreak\ttab",
  "Grüße, 東京, 🦕, e\u0301",
  "$1",
];

eachDatabase(
  "values: text of any kind, nulls and safe integers come back unchanged",
  async ({ open }) => {
    const db = await open("notes", [notes]);
    const rows = [
      ...TEXTS.map((text, i) => note(text, text, i)),
      note("nulls", null, null),
      ...[Number.MAX_SAFE_INTEGER, Number.MIN_SAFE_INTEGER, 0].map((n) => note(`n${n}`, null, n)),
    ];
    await db.transaction((tx) => tx.insert(notes, rows));
    await db.transaction((tx) => tx.upsert(notes, rows));
    const found = await db.transaction((tx) => tx.select(notes, rows.map((row) => row.id)));
    assertEquals(byKey(found), byKey(rows));
  },
);

for (const bad of [2 ** 53, 1.5, NaN, Infinity]) {
  eachDatabase(`values: ${bad} is refused, not changed`, async ({ open }) => {
    const db = await open("notes", [notes]);
    const write = () => db.transaction((tx) => tx.insert(notes, [note("a", null, bad)]));
    const error = await assertRejects(write, Error, `notes.size: ${bad}`);
    assert(!(error instanceof RetryableError));
    assertEquals(await db.count(notes), 0);
  });
}

eachDatabase(
  "batches: 10,000 rows at once, scanned in key order over several pages",
  async ({ open }) => {
    const db = await open("notes", [notes]);
    // 7919 is prime: every id once, far from sorted. Upper and lower case tell bytes from a locale.
    const ids = Array.from(
      { length: 10_000 },
      (_, i) => `${i % 2 ? "N" : "n"}-${i * 7919 % 10_000}`,
    );
    await db.transaction((tx) => tx.insert(notes, ids.map((id) => note(id))));
    await db.transaction((tx) => tx.upsert(notes, ids.map((id, i) => note(id, id, i))));
    const found = await db.transaction((tx) => tx.select(notes, ids));
    assertEquals(found.length, 10_000);
    assertEquals(await db.count(notes), 10_000);
    const expected = ids.map((id, i) => note(id, id, i)).sort((a, b) => bytewise(a.id, b.id));
    for (const pageSize of [3_333, 5_000, undefined]) {
      assertEquals(await all(db, notes, pageSize), expected);
    }
  },
);

eachDatabase(
  "scan: pages of at most pageSize, only what is committed, and nothing of an empty table",
  async ({ open }) => {
    const db = await open("notes", [notes]);
    await db.transaction((tx) => tx.insert(notes, ["a", "b", "c", "d"].map((id) => note(id))));
    await db.transaction(async (tx) => {
      await tx.insert(notes, [note("e")]);
      const sizes = [];
      for await (const page of db.scan(notes, 2)) sizes.push(page.length);
      assertEquals(sizes, [2, 2]);
      assertEquals(await db.count(notes), 4);
    });
    assertEquals(await db.count(notes), 5);
  },
);

eachDatabase("Database: does what a Map would do", async ({ open }) => {
  const id = fc.oneof(fc.constantFrom("a", "b", "c", ...TEXTS), fc.string({ unit: "binary" }))
    .filter((text) => text.isWellFormed() && !text.includes("\0"));
  const columns = { id, body: fc.option(id), size: fc.option(fc.maxSafeInteger()) };
  const row = fc.record(columns, { noNullPrototype: true });
  const step = fc.record({
    kind: fc.constantFrom("insert" as const, "upsert" as const),
    rows: fc.array(row, { maxLength: 8 }),
  });
  const transaction = fc.record({ steps: fc.array(step, { maxLength: 4 }), commit: fc.boolean() });
  let run = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(transaction, { maxLength: 5 }), async (transactions) => {
      const own = table(`notes_${++run}`, "id", notes.columns);
      const db = await open("notes", [own]);
      let model = new Map<string, Note>();
      for (const { steps, commit } of transactions) {
        const next = new Map(model);
        for (const { kind, rows } of steps) {
          for (const row of rows) if (kind === "upsert" || !next.has(row.id)) next.set(row.id, row);
        }
        const work = db.transaction(async (tx) => {
          for (const { kind, rows } of steps) await tx[kind](own, rows);
          assertEquals(byKey(await tx.select(own, [...next.keys()])), byKey([...next.values()]));
          if (!commit) throw new Error("rolled back on purpose");
        });
        if (commit) model = (await work, next);
        else await assertRejects(() => work, Error, "on purpose");
      }
      assertEquals(await all(db, own, 3), byKey([...model.values()]));
      await db.close();
    }),
    { numRuns: 25 },
  );
});

eachDatabase(
  "openDatabase: finds the tables again, with what is in them; owners are apart",
  async ({ open }) => {
    const first = await open("one", [notes]);
    await first.transaction((tx) => tx.insert(notes, [note("a")]));
    await first.close();
    const again = await open("one", [notes, counters]);
    assertEquals(await all(again, notes), [note("a")]);
    assertEquals(await again.count(counters), 0);
    assertEquals(await (await open("two", [notes])).count(notes), 0);
  },
);

eachDatabase("close: waits for the transaction under way, then refuses", async ({ open }) => {
  const db = await open("notes", [notes]);
  const begun = Promise.withResolvers<void>();
  const work = db.transaction(async (tx) => {
    begun.resolve();
    await pause(50);
    await tx.insert(notes, [note("a")]);
  });
  await begun.promise;
  await db.close();
  await work;
  await db.close();
  await assertRejects(() => db.transaction((tx) => tx.insert(notes, [note("b")])), Error, "closed");
  assertEquals(await all(await open("notes", [notes]), notes), [note("a")]);
});

Deno.test("openDatabase: any other url is an error that names its scheme, not its password", async () => {
  for (const url of ["mysql://root:s3cret@db/orders", "s3cret", "postgres//x:s3cret@db"]) {
    const error = await assertRejects(() =>
      openDatabase({ url, directory: "unused", owner: "own", tables: [] })
    );
    assertStringIncludes(error.message, "postgres://");
    assert(!error.message.includes("s3cret"), error.message);
  }
});
