import { assert, assertEquals, assertRejects } from "@std/assert";
import { PAYMENT_FAILURE_REASONS } from "../../events/reasons.ts";
import { type Database, keyOf } from "../../database/database.ts";
import { RetryableError } from "../../runtime/errors.ts";
import { eachStore, type Place } from "../../database/testing/stores.ts";
import { createGatewayClient } from "./gateway_client.ts";
import { GatewayRefusal, GatewayTimeout, GatewayUnavailable } from "./gateway.ts";
import { charge as chargeOne } from "./testing/one_call.ts";
import { charges, refunds } from "./gateway_ledger.ts";
import { type GatewayBehaviour, SimulatedGateway } from "./simulated_gateway.ts";

const behaved: GatewayBehaviour = {
  seed: 1,
  declinedShare: 0,
  timeoutShare: 0,
  errorShare: 0,
  latencyMs: 1,
};

function open(place: Place): Promise<Database> {
  return place.open("gateway", [charges, refunds]);
}

const request = (idempotencyKey: string, amountCents = 500) => ({
  idempotencyKey,
  amountCents,
  currency: "EUR",
});

const keys = (count: number) =>
  Array.from({ length: count }, (_, i) => `r1-${String(i).padStart(6, "0")}`);

async function book(database: Database) {
  const rows = [];
  for await (const page of database.scan(charges)) rows.push(...page);
  return rows;
}

eachStore("charge: the same key gets the same answer and is charged once", async (place) => {
  const database = await open(place);
  const gateway = new SimulatedGateway(database, { ...behaved, declinedShare: 0.5 });
  const first = await Promise.all(keys(50).map((key) => gateway.charge(request(key))));
  const again = await Promise.all(keys(50).map((key) => gateway.charge(request(key))));
  assertEquals(again, first);
  assertEquals((await book(database)).length, 50);
});

eachStore("charge: once, however many ask at once, in several processes", async (place) => {
  const databases = [await open(place), await open(place), await open(place)];
  // Of different minds, so that it shows when the one that booked is not the one that answers.
  const gateways = databases.map((database, index) =>
    new SimulatedGateway(database, { ...behaved, seed: index, declinedShare: 0.5 })
  );
  const answers = await Promise.all(
    keys(20).map((key) =>
      Promise.all([...gateways, ...gateways].map((gateway) => gateway.charge(request(key))))
    ),
  );
  for (const [first, ...others] of answers) for (const other of others) assertEquals(other, first);
  const rows = await book(databases[0]!);
  assertEquals(rows.map((row) => row.idempotency_key), keys(20));
  assertEquals(rows.map((row) => row.status), answers.map(([first]) => first!.status));
});

eachStore("charge: is still known to a gateway that was opened anew", async (place) => {
  const before = await place.open("gateway", [charges, refunds]);
  const first = await new SimulatedGateway(before, behaved).charge(request("k"));
  await before.close();
  const database = await open(place);
  // Another behaviour: what is booked stays as it is.
  const gateway = new SimulatedGateway(database, { ...behaved, declinedShare: 1 });
  assertEquals(await gateway.charge(request("k")), first);
  assertEquals(await database.count(charges), 1);
});

eachStore("charge: a timeout leaves it booked, and a second ask gets the answer", async (place) => {
  const database = await open(place);
  const gateway = new SimulatedGateway(database, { ...behaved, timeoutShare: 1 });
  const waiting = new AbortController();
  const lost = gateway.charge(request("k"), waiting.signal);
  lost.catch(() => {});
  const giveUpAt = performance.now() + 5_000;
  while (await database.count(charges) === 0) {
    assert(performance.now() < giveUpAt, "it was never booked");
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  waiting.abort();
  await assertRejects(() => lost, GatewayTimeout);
  const again = new AbortController();
  const limit = setTimeout(() => again.abort(), 5_000);
  try {
    const answer = await gateway.charge(request("k"), again.signal);
    assertEquals(answer.status, "charged");
  } finally {
    clearTimeout(limit);
  }
  assertEquals(await database.count(charges), 1);
});

eachStore("charge: a 5xx books nothing, and the key gets its answer later", async (place) => {
  const database = await open(place);
  const gateway = new SimulatedGateway(database, { ...behaved, errorShare: 0.5 });
  let errors = 0;
  for (const key of keys(20)) {
    for (let attempt = 1;; attempt++) {
      assert(attempt < 50, "a share of 0.5 does not fail that often in a row");
      const before = await database.count(charges);
      try {
        await gateway.charge(request(key));
        break;
      } catch (error) {
        assert(error instanceof GatewayUnavailable);
        assertEquals(await database.count(charges), before);
        errors++;
      }
    }
  }
  assert(errors > 5 && errors < 60, `${errors} errors`);
  assertEquals(await database.count(charges), 20);
});

eachStore(
  "charge: patience gets an answer from a gateway that fails often, and one charge",
  async (place) => {
    const database = await open(place);
    const gateway = new SimulatedGateway(database, {
      ...behaved,
      timeoutShare: 0.3,
      errorShare: 0.2,
    });
    const client = createGatewayClient(gateway, {
      // Far more than a busy machine stalls: calls cut off together would open the breaker.
      timeoutMs: 2_000,
      attempts: 12,
      maxInFlight: 20,
      breakerOpenMs: 100,
    });
    const asked = keys(60).flatMap((key) => [key, key]);
    const answers = await Promise.all(asked.map((key) => chargeOne(client, request(key))));
    assert(answers.every(({ status }) => status === "charged"));
    assertEquals((await book(database)).map((row) => row.idempotency_key), keys(60));
  },
);

eachStore("charge: declines the share that it should, for every reason", async (place) => {
  const database = await open(place);
  const gateway = new SimulatedGateway(database, { ...behaved, declinedShare: 0.1 });
  const answers = await Promise.all(keys(2_000).map((key) => gateway.charge(request(key))));
  const declined = answers.flatMap((a) => a.status === "declined" ? [a.reason] : []);
  assert(declined.length > 140 && declined.length < 260, `${declined.length} of 2,000`);
  assertEquals([...new Set(declined)].toSorted(), [...PAYMENT_FAILURE_REASONS].toSorted());

  const same = new SimulatedGateway(database, { ...behaved, declinedShare: 0.1 });
  assertEquals(await Promise.all(keys(2_000).map((key) => same.charge(request(key)))), answers);
});

eachStore("charge: a key that was used for another amount is refused", async (place) => {
  const database = await open(place);
  const gateway = new SimulatedGateway(database, behaved);
  await gateway.charge(request("k", 500));
  await assertRejects(() => gateway.charge(request("k", 600)), GatewayRefusal, "500 EUR");
  assertEquals((await book(database)).map((row) => row.amount_cents), [500]);
});

eachStore(
  "refund: the same key gives back once, and never more than was charged",
  async (place) => {
    const database = await open(place);
    const gateway = new SimulatedGateway(database, behaved);
    const { paymentId } = await gateway.charge(request("k", 500));
    const refund = (key: string, amountCents: number) =>
      gateway.refund({ ...request(key, amountCents), paymentId });
    const [first, again] = await Promise.all([refund("r1", 300), refund("r1", 300)]);
    assertEquals(again, first);
    assertEquals(await refund("r1", 300), first);
    await assertRejects(() => refund("r2", 201), GatewayRefusal, "200 EUR");
    await refund("r3", 200);
    assertEquals((await book(database)).map((row) => row.refunded_cents), [500]);
  },
);

eachStore("refund: of what was declined or never charged is refused", async (place) => {
  const database = await open(place);
  const gateway = new SimulatedGateway(database, { ...behaved, declinedShare: 1 });
  const { paymentId } = await gateway.charge(request("k"));
  for (const id of [paymentId, "pay-unknown"]) {
    await assertRejects(
      () => gateway.refund({ ...request(`refund-${id}`), paymentId: id }),
      GatewayRefusal,
      "not charged",
    );
  }
  assertEquals(await database.count(refunds), 0);
});

Deno.test("charge: a database that does not answer is named, also to a call that timed out", async () => {
  const disk = new RetryableError("SQLite at gateway.db: database or disk is full");
  let stuck = false;
  const broken = {
    transaction: () => stuck ? new Promise(() => {}) : Promise.reject(disk),
  } as unknown as Database;
  const gateway = new SimulatedGateway(broken, behaved);
  await assertRejects(() => gateway.charge(request("k")), GatewayUnavailable, disk.message);
  stuck = true;
  const signal = AbortSignal.timeout(20);
  await assertRejects(
    () => gateway.charge(request("k"), signal),
    GatewayTimeout,
    disk.message,
  );
});

eachStore("charge, refund: a call that the database refuses fails alone", async (place) => {
  const database = await open(place);
  const refused = new Error("value out of range");
  const picky: Database = {
    ...database,
    transaction: (work) =>
      database.transaction((tx) =>
        work({
          ...tx,
          insert(table, rows) {
            if (rows.some((row) => keyOf(table, row).endsWith("poison"))) throw refused;
            return tx.insert(table, rows);
          },
        })
      ),
  };
  const gateway = new SimulatedGateway(picky, behaved);
  const charged = [...keys(20), "poison", ...keys(40).slice(20)];
  const answers = await Promise.allSettled(charged.map((key) => gateway.charge(request(key))));
  assertEquals(
    answers.map(({ status }) => status === "rejected"),
    charged.map((k) => k === "poison"),
  );
  assertEquals((await book(database)).length, 40);
  const refunding = ["refund-a", "refund-poison", "refund-b"];
  const refunded = await Promise.allSettled(
    refunding.map((key, i) => gateway.refund({ ...request(key), paymentId: `pay-${keys(3)[i]}` })),
  );
  assertEquals(refunded.map(({ status }) => status), ["fulfilled", "rejected", "fulfilled"]);
});

Deno.test("charge: a caller that gives up before is told so at once", async () => {
  const unused = {} as Database;
  const gateway = new SimulatedGateway(unused, behaved);
  await assertRejects(
    () => gateway.charge(request("k"), AbortSignal.abort()),
    GatewayTimeout,
  );
});
