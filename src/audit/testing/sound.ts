/** Logs and tables in which all is well, each for a reason of its own: no check may name anything. */

import { PROCESSORS, topicsReadBy } from "../../topology.ts";
import { drop, N, row } from "./case.ts";
import { createFixture, SCENARIOS } from "./scenarios.ts";
import {
  addDeadLetter,
  addResolution,
  appendCopy,
  appendRecord,
  AT,
  deleteBefore,
  eventsOf,
  type Fixture,
  orderId,
  partitionOf,
  PARTITIONS,
  placeIn,
  rewrite,
  RUN,
} from "./fixture.ts";
import { type FixtureOptions } from "./audit_fixture.ts";

import {
  ALL,
  cutHere,
  DAY_MS,
  parkedTwice,
  renamed,
  replayedAfterDays,
  whileOrdersFlow,
  withoutItsBeginning,
} from "./sound_fixtures.ts";

export interface Sound {
  readonly name: string;
  readonly make: () => [Fixture, FixtureOptions?];
}

export const SOUND: readonly Sound[] = [
  { name: "every scenario", make: () => [createFixture(SCENARIOS)] },
  { name: "the log has lost its beginning", make: withoutItsBeginning },
  { name: "orders flow", make: whileOrdersFlow },
  {
    name: "a run that was cut off",
    make() {
      const fixture = createFixture(SCENARIOS);
      Object.assign(fixture.tables.runs[0]!, { acknowledged: 1, finished_at: null });
      fixture.tables.placements[0]!.placed = ALL + 5;
      return [fixture];
    },
  },
  {
    name: "an id that begins like those of a run",
    make() {
      const fixture = renamed(createFixture(SCENARIOS), N.broken_inside, `${RUN}-99x`);
      fixture.tables.runs[0]!.acknowledged = fixture.tables.placements[0]!.placed = ALL - 1;
      return [fixture];
    },
  },
  {
    name: "dead letters that were wrong, and are resolved",
    make() {
      const fixture = createFixture(SCENARIOS);
      const again = appendCopy(fixture, eventsOf(fixture, N.confirmed, "OrderPlaced")[0]!);
      const wrong = addDeadLetter(fixture, "validator", again, "invalid_json");
      addResolution(fixture, wrong, "discarded");
      return [fixture];
    },
  },
  {
    name: "a batch that could not be read is a dead letter",
    make() {
      const fixture = createFixture(SCENARIOS);
      const [placed] = eventsOf(fixture, N.confirmed, "OrderPlaced");
      for (const offset of [900, 900]) {
        const nowhere = { ...placed!, offset };
        addResolution(
          fixture,
          addDeadLetter(fixture, "validator", nowhere, "unreadable"),
          "discarded",
        );
      }
      return [fixture];
    },
  },
  {
    name: "what asks nothing of a service is not committed",
    make() {
      const fixture = createFixture(["rejected"]);
      for (const service of PROCESSORS) {
        for (const topic of topicsReadBy(service)) {
          // Nothing was ever there.
          for (let p = 1; p < PARTITIONS; p++) {
            fixture.committed[service].delete(placeIn(`t.${topic}`, p));
          }
        }
      }
      return [fixture];
    },
  },
  {
    name: "a dead letter about an order that has all that it would explain",
    make() {
      const fixture = createFixture(SCENARIOS);
      for (const n of [N.confirmed, N.out_of_stock]) {
        const broken = new TextEncoder().encode("{");
        const raw = appendRecord(fixture, "payment.events", partitionOf(n), orderId(n), broken);
        addDeadLetter(fixture, "fulfillment", raw, "invalid_json");
      }
      return [fixture];
    },
  },
  {
    name: "a refund that waits",
    make() {
      const fixture = createFixture(["confirmed", "out_of_stock"]);
      drop(fixture, ...eventsOf(fixture, 1, "PaymentRefunded"));
      const [cancelled] = eventsOf(fixture, 1, "OrderCancelled");
      addDeadLetter(fixture, "payment", cancelled!, "processing_failed");
      row(fixture, "payments", orderId(1)).state = "processed";
      row(fixture, "charges", orderId(1)).refunded_cents = 0;
      return [fixture];
    },
  },
  { name: "a replay of a message that was deleted since", make: replayedAfterDays },
  {
    name: "a replay's control record in orders.raw, deleted with all before it",
    make() {
      const fixture = createFixture(["failed_then_replayed"]);
      const place = placeIn("t.orders.raw", 0);
      fixture.ends.set(place, fixture.ends.get(place)! + 1);
      fixture.nowMs += DAY_MS;
      deleteBefore(fixture, fixture.nowMs);
      fixture.firsts.set(place, fixture.ends.get(place)!);
      return [fixture];
    },
  },
  {
    name: "an order is placed again behind the cut",
    make() {
      const fixture = createFixture(SCENARIOS);
      const options = cutHere(fixture);
      appendCopy(fixture, eventsOf(fixture, N.confirmed, "OrderPlaced")[0]!);
      return [fixture, options];
    },
  },
  {
    name: "replays behind the cut, of which nothing else was read",
    make() {
      const [fixture, , replays] = parkedTwice();
      const options = cutHere(fixture);
      for (const { raw, headers } of replays) appendCopy(fixture, { ...raw, headers });
      return [fixture, options];
    },
  },
  {
    name: "replays behind the cut, of which the resolution was read",
    make() {
      const [fixture, letters, replays] = parkedTwice();
      const options = cutHere(fixture);
      for (const [i, { raw }] of replays.entries()) {
        appendCopy(fixture, { ...raw, headers: addResolution(fixture, letters[i]!, "replayed") });
      }
      return [fixture, options];
    },
  },
  {
    name: "a run's id begins with another's, and old messages are deleted",
    make() {
      const fixture = createFixture(Array(8).fill("confirmed"), "t.", { everyMs: DAY_MS });
      renamed(fixture, 7, `${RUN}-0-000000`);
      Object.assign(fixture.tables.runs[0]!, { started_at: AT, acknowledged: 7 });
      fixture.tables.placements[0]!.placed = 7;
      fixture.tables.runs.push({ ...fixture.tables.runs[0]!, run_id: `${RUN}-0`, acknowledged: 1 });
      fixture.tables.placements.push({ run_id: `${RUN}-0`, placed: 1 });
      deleteBefore(fixture, Date.parse(AT) + 3 * DAY_MS);
      return [fixture];
    },
  },
  {
    name: "more money than a number can say to the cent",
    make() {
      const fixture = createFixture(["confirmed", "rejected", "confirmed"]);
      const much = Number.MAX_SAFE_INTEGER;
      for (const n of [0, 2]) {
        for (const type of ["OrderPlaced", "OrderValidated", "OrderConfirmed"] as const) {
          rewrite(fixture, eventsOf(fixture, n, type)[0]!, { totalCents: much });
        }
        rewrite(fixture, eventsOf(fixture, n, "PaymentProcessed")[0]!, { amountCents: much });
        row(fixture, "payments", orderId(n)).amount_cents = much;
        row(fixture, "charges", orderId(n)).amount_cents = much;
      }
      return [fixture];
    },
  },
  {
    name: "reservations that say no pieces",
    make() {
      const fixture = createFixture(SCENARIOS);
      for (const each of fixture.tables.reservations) {
        if (each.state === "rejected") each.decision = null;
      }
      return [fixture];
    },
  },
];
