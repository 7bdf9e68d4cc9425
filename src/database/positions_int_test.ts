import { assertEquals } from "@std/assert";
import { table } from "./database.ts";
import {
  adoptInputs,
  adoptsInputs,
  allPositions,
  findPosition,
  holdsRows,
  inputOf,
  positionAt,
  positions,
  savePosition,
  savePositions,
  type TablePosition,
  takePosition,
} from "./positions.ts";
import { eachDatabase } from "./testing/each_database.ts";

const input = inputOf("orders.raw", 3);
const at = (workFrom: number, workTo: number, owner: string): TablePosition => ({
  input,
  clusterId: "cluster",
  topicId: "topic",
  workFrom,
  workTo,
  leaderEpoch: 4,
  owner,
});

eachDatabase("takePosition: the first owner writes it, and it is found again", async (place) => {
  const database = await place.open("validator", [positions]);
  assertEquals(await findPosition(database, input), undefined);
  const first = { ...at(0, 0, "a"), clusterId: null, topicId: null, leaderEpoch: null };
  assertEquals(await takePosition(database, first, undefined), true);
  assertEquals(await findPosition(database, input), first);
  const other = { ...at(7, 9, "b"), input: inputOf("orders.raw", 10) };
  assertEquals(await takePosition(database, other, undefined), true);
  assertEquals(await allPositions(database), [other, first]);
});

eachDatabase("takePosition: refused when another owner has taken it since", async (place) => {
  const database = await place.open("validator", [positions]);
  assertEquals(await takePosition(database, at(0, 0, "a"), undefined), true);
  assertEquals(await takePosition(database, at(0, 0, "late"), undefined), false);
  assertEquals(await takePosition(database, at(5, 8, "b"), at(0, 0, "a")), true);
  assertEquals(await takePosition(database, at(0, 0, "late"), at(0, 0, "a")), false);
  assertEquals(await findPosition(database, input), at(5, 8, "b"));
});

eachDatabase("takePosition: refused when its owner has moved it since", async (place) => {
  const database = await place.open("validator", [positions]);
  await takePosition(database, at(2, 2, "a"), undefined);
  assertEquals(await savePosition(database, at(2, 4, "a")), true);
  assertEquals(await takePosition(database, at(2, 2, "late"), at(2, 2, "a")), false);
  assertEquals(await findPosition(database, input), at(2, 4, "a"));
  // It closes, and what it did is known to be committed.
  assertEquals(await savePosition(database, at(4, 4, "a")), true);
  assertEquals(await takePosition(database, at(2, 4, "b"), at(2, 4, "a")), true);
});

eachDatabase("takePosition: refused when its topic is another one since", async (place) => {
  const database = await place.open("validator", [positions]);
  await takePosition(database, at(0, 0, "a"), undefined);
  assertEquals(await savePosition(database, { ...at(0, 0, "a"), topicId: "created anew" }), true);
  assertEquals(await takePosition(database, at(0, 0, "late"), at(0, 0, "a")), false);
});

eachDatabase("takePosition: the same again, as when its answer was lost", async (place) => {
  const database = await place.open("validator", [positions]);
  await takePosition(database, at(0, 0, "a"), undefined);
  assertEquals(await takePosition(database, at(5, 8, "b"), at(0, 0, "a")), true);
  assertEquals(await takePosition(database, at(5, 8, "b"), at(0, 0, "a")), true);
});

eachDatabase("savePosition: its owner moves it, a zombie does not", async (place) => {
  const database = await place.open("validator", [positions]);
  assertEquals(await savePosition(database, at(0, 5, "a")), false);
  await takePosition(database, at(0, 0, "a"), undefined);
  assertEquals(await savePosition(database, at(0, 5, "a")), true);
  await takePosition(database, at(5, 5, "b"), at(0, 5, "a"));
  assertEquals(await savePosition(database, at(0, 7, "a")), false);
  assertEquals(await findPosition(database, input), at(5, 5, "b"));
  const both = [at(0, 8, "a"), at(0, 9, "b")].map((each) => savePosition(database, each));
  assertEquals(await Promise.all(both), [false, true], "also where both are in one process");
});

eachDatabase("savePositions: each owner's own are moved, the others are told", async (place) => {
  const database = await place.open("validator", [positions]);
  const of = (partition: number, workTo: number, owner: string): TablePosition => ({
    ...at(0, workTo, owner),
    input: inputOf("orders.raw", partition),
  });
  for (const partition of [0, 1, 2]) {
    await takePosition(database, of(partition, 0, `owner ${partition}`), undefined);
  }
  await takePosition(database, of(1, 3, "successor"), of(1, 0, "owner 1"));
  const moved = [of(2, 7, "owner 2"), of(1, 7, "owner 1"), of(9, 7, "none"), of(0, 7, "owner 0")];
  assertEquals(
    await savePositions(database, moved),
    new Set([inputOf("orders.raw", 1), inputOf("orders.raw", 9)]),
  );
  assertEquals(
    await allPositions(database),
    [of(0, 7, "owner 0"), of(1, 3, "successor"), of(2, 7, "owner 2")],
  );
  // The same again, as when its answer was lost; of two of one input the last one counts.
  assertEquals(
    await savePositions(database, [moved[0]!, of(0, 8, "owner 0"), moved[3]!]),
    new Set(),
  );
  assertEquals(await findPosition(database, inputOf("orders.raw", 0)), of(0, 7, "owner 0"));
  assertEquals(await savePositions(database, []), new Set());
});

eachDatabase("savePositions: waits for who takes a position, and leaves it then", async (place) => {
  const databases = await Promise.all([0, 1].map(() => place.open("validator", [positions])));
  const other = { ...at(0, 0, "a"), input: inputOf("orders.raw", 4) };
  for (const each of [at(0, 0, "a"), other]) await takePosition(databases[0]!, each, undefined);
  let saving = Promise.resolve(new Set<string>());
  await databases[0]!.transaction(async (tx) => {
    const [row] = await tx.select(positions, [input], { lock: true });
    saving = savePositions(databases[1]!, [at(0, 7, "a"), { ...other, workTo: 7 }]);
    await tx.upsert(positions, [{ ...row!, owner: "successor" }]);
  });
  assertEquals(await saving, new Set([input]));
  assertEquals(await allPositions(databases[0]!), [at(0, 0, "successor"), { ...other, workTo: 7 }]);
});

eachDatabase(
  "savePositions: of two members at once, in any order, both are done",
  async (place) => {
    const databases = await Promise.all([0, 1].map(() => place.open("validator", [positions])));
    const inputs = Array.from({ length: 30 }, (_, partition) => inputOf("orders.raw", partition));
    for (const input of inputs) {
      await takePosition(databases[0]!, { ...at(0, 0, "a"), input }, undefined);
    }
    for (let round = 1; round <= 20; round++) {
      const moved = inputs.map((input) => ({ ...at(0, round, "a"), input }));
      const refused = await Promise.all([
        savePositions(databases[0]!, moved),
        savePositions(databases[1]!, moved.toReversed()),
      ]);
      assertEquals(refused, [new Set(), new Set()]);
    }
    assertEquals(
      (await allPositions(databases[0]!)).map(({ workTo }) => workTo),
      inputs.map(() => 20),
    );
  },
);

eachDatabase("takePosition: of several at once one alone gets it", async (place) => {
  const databases = await Promise.all([0, 1].map(() => place.open("validator", [positions])));
  for (const owner of [() => "first", (n: number) => `owner ${n}`]) {
    const before = await findPosition(databases[0]!, input);
    const taken = await Promise.all(
      databases.map((database, n) => takePosition(database, at(n, n, owner(n)), before)),
    );
    assertEquals(taken.toSorted(), [false, true]);
  }
});

eachDatabase("holdsRows: whether any of the tables has a row", async (place) => {
  const work = table("work", "id", { id: "text" });
  const database = await place.open("validator", [positions, work]);
  assertEquals(await holdsRows(database, [positions, work]), false);
  await database.transaction((tx) => tx.insert(work, [{ id: "a" }]));
  assertEquals(await holdsRows(database, [positions]), false);
  assertEquals(await holdsRows(database, [positions, work]), true);
});

eachDatabase("adoptInputs: noted once, and no input of that name", async (place) => {
  const database = await place.open("validator", [positions]);
  assertEquals(await adoptsInputs(database), false);
  await adoptInputs(database);
  await adoptInputs(database);
  assertEquals(await adoptsInputs(database), true);
  assertEquals(await allPositions(database), []);
});

eachDatabase(
  "positionAt: what a reset writes, and the owner of before may not go on",
  async (place) => {
    const database = await place.open("validator", [positions]);
    await takePosition(database, at(5, 8, "a"), undefined);
    const reset = positionAt(input, 3);
    const { clusterId, topicId, workFrom, workTo, leaderEpoch } = reset;
    assertEquals([clusterId, topicId, workFrom, workTo, leaderEpoch], [null, null, 3, 3, null]);
    assertEquals(await takePosition(database, reset, at(5, 8, "a")), true);
    assertEquals(await savePosition(database, at(8, 9, "a")), false);
  },
);
