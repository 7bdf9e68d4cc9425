import { assert, assertEquals, assertRejects } from "@std/assert";
import { type Database, type Row, table } from "../../database/database.ts";
import { RetryableError } from "../../runtime/errors.ts";
import { SimulatedDatabases } from "./databases.ts";
import { Random } from "../random.ts";
import { type SimulatedProcess, VirtualTime } from "../time.ts";

const notes = table("notes", "id", { id: "text", body: "text" });

const write = (database: Database, id: string) =>
  database.transaction((tx) => tx.insert(notes, [{ id, body: null }]));

class Setting {
  readonly time: VirtualTime;
  readonly databases: SimulatedDatabases;

  constructor(seed: number) {
    this.time = new VirtualTime(new Random(seed));
    this.databases = new SimulatedDatabases(this.time, new Random(seed));
  }

  open(name: string): { process: SimulatedProcess; database: Database } {
    const process = this.time.process(name);
    return { process, database: this.databases.open(process, "own", [notes]) };
  }

  /** What became of `work` once `ms` are over: undefined while it is under way. */
  async after(ms: number, work?: Promise<unknown>): Promise<unknown> {
    let outcome: unknown;
    work?.then((value) => outcome = value ?? "done", (error) => outcome = error);
    await this.time.runUntil(() => false, ms);
    return outcome;
  }

  get keys(): string[] {
    return this.databases.rows("own", notes).map(({ id }: Row<typeof notes>) => id);
  }
}

/** In both kinds of schedules: whether an idle transaction is ended depends on the seed. */
function simulated(name: string, body: (setting: Setting) => Promise<void>): void {
  Deno.test(`SimulatedDatabases: ${name}`, async () => {
    for (const seed of [1, 2, 3, 4]) {
      const setting = new Setting(seed);
      await setting.time.install(() => body(setting));
    }
  });
}

simulated("each step takes virtual time, and two processes see the same rows", async (setting) => {
  const [a, b] = [setting.open("a"), setting.open("b")];
  const working = Promise.all([write(a.database, "1"), write(b.database, "2")]);
  assertEquals(await setting.after(0.1), undefined);
  assertEquals(setting.keys, []);
  assert(await setting.after(100, working));
  assertEquals(setting.keys, ["1", "2"]);
  assertEquals(await setting.after(100, a.database.count(notes)), 2);
});

simulated("refuse: until it is mended, no step is carried out", async (setting) => {
  const { database } = setting.open("a");
  const underWay = write(database, "1");
  const mends = [setting.databases.refuse("own"), setting.databases.refuse("own")];
  assert(await setting.after(100, underWay) instanceof RetryableError);
  mends[0]!();
  mends[0]!();
  assert(await setting.after(100, database.count(notes)) instanceof RetryableError);
  mends[1]!();
  await setting.after(100, write(database, "2"));
  assertEquals(setting.keys, ["2"]);
});

simulated("hit: the next transaction or read is refused", async (setting) => {
  const { database } = setting.open("a");
  for (const work of [(): Promise<unknown> => write(database, "1"), () => database.count(notes)]) {
    setting.databases.hit("own", "refuse");
    assert(await setting.after(100, work()) instanceof RetryableError);
  }
  await setting.after(100, write(database, "2"));
  assertEquals(setting.keys, ["2"]);
});

simulated("hit: the next commit takes longer, while it holds the lock", async (setting) => {
  const [a, b] = [setting.open("a"), setting.open("b")];
  setting.databases.hit("own", { slowMs: 1_000 });
  const first = write(a.database, "1");
  await setting.after(10);
  const second = write(b.database, "2");
  assertEquals(await setting.after(900, first), undefined);
  assertEquals(setting.keys, []);
  await setting.after(200, second);
  assertEquals(setting.keys, ["1", "2"]);
});

simulated("hit: the caller does not know whether it was committed", async (setting) => {
  const { database } = setting.open("a");
  setting.databases.hit("own", "commit, answer lost");
  setting.databases.hit("own", "no commit, answer lost");
  for (const id of ["1", "2"]) {
    assert(await setting.after(100, write(database, id)) instanceof RetryableError);
  }
  await setting.after(100, write(database, "3"));
  assertEquals(setting.keys, ["1", "3"]);
});

simulated("slow: each step takes longer, while the others wait", async (setting) => {
  const [a, b] = [setting.open("a"), setting.open("b")];
  const end = setting.databases.slow("own", 500);
  const first = write(a.database, "1");
  await setting.after(10);
  const second = write(b.database, "2");
  assertEquals(await setting.after(1_400, first), undefined);
  assert(await setting.after(200, first));
  end();
  await setting.after(1_600, second);
  assertEquals(setting.keys, ["1", "2"]);
});

simulated(
  "kill in a transaction: rolled back at once, and the next one goes on",
  async (setting) => {
    const [a, b] = [setting.open("a"), setting.open("b")];
    const held = a.database.transaction(async (tx) => {
      await tx.insert(notes, [{ id: "1", body: null }]);
      await new Promise(() => {});
    });
    await setting.after(100, held);
    const waiting = write(b.database, "2");
    assertEquals(await setting.after(100, waiting), undefined);
    a.process.kill();
    setting.databases.killed(a.process);
    assert(await setting.after(20, waiting));
    assertEquals(setting.keys, ["2"]);
  },
);

for (
  const { frozenMs, ends } of [{ frozenMs: 5_000, ends: "never" }, {
    frozenMs: 12_000,
    ends: "sometimes",
  }]
) {
  Deno.test(`SimulatedDatabases: freeze of ${frozenMs} ms in a transaction: others are refused, it commits or is ended`, async () => {
    const committed = new Set<boolean>();
    for (const seed of [1, 2, 3, 4]) {
      const setting = new Setting(seed);
      await setting.time.install(async () => {
        const [a, b] = [setting.open("a"), setting.open("b")];
        const release = Promise.withResolvers<void>();
        const holding = a.database.transaction(async (tx) => {
          await tx.insert(notes, [{ id: "1", body: null }]);
          await release.promise;
          return "committed";
        });
        await setting.after(100);
        a.process.freeze();
        const refused = await setting.after(2_100, write(b.database, "2"));
        assert(refused instanceof RetryableError, String(refused));
        await setting.after(frozenMs);
        const second = write(b.database, "3");
        await setting.after(100);
        a.process.run(() => release.resolve());
        a.process.thaw();
        const outcome = await setting.after(3_000, holding);
        await setting.after(3_000, second);
        const isCommitted = outcome === "committed";
        assertEquals(setting.keys, isCommitted ? ["1", "3"] : ["3"]);
        if (!isCommitted) assert(outcome instanceof RetryableError, String(outcome));
        committed.add(isCommitted);
      });
    }
    assertEquals(committed, new Set(ends === "never" ? [true] : [true, false]));
  });
}

simulated("heal: what hit no transaction yet never does", async (setting) => {
  const { database } = setting.open("a");
  setting.databases.hit("own", "refuse");
  setting.databases.hit("own", "no commit, answer lost");
  setting.databases.heal();
  await setting.after(100, write(database, "1"));
  assertEquals(setting.keys, ["1"]);
  await database.close();
  await assertRejects(() => write(database, "2"), RetryableError, "closed");
});
