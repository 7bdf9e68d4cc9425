/** What the services write for an order, event by event and row by row, in each scenario. */
import type { LogRecord } from "../../kafka/records.ts";
import { Names, type Processor, PROCESSORS, topicsReadBy } from "../../topology.ts";
import { PRODUCTS, stepsOf } from "./steps.ts";
import {
  addDeadLetter,
  addResolution,
  appendCopy,
  AT,
  deleteBefore,
  type Fixture,
  RUN,
  SERVICE_TABLES,
} from "./fixture.ts";

/** What may become of an order. */
export const SCENARIOS = [
  "confirmed",
  "out_of_stock",
  "card_declined",
  "both_refused",
  "rejected",
  "placed_twice",
  "broken",
  "broken_discarded",
  "broken_replayed",
  "failed_then_replayed",
  "parked",
  "parked_then_replayed",
  "half_replayed",
  "release_parked",
  "release_replayed",
  "broken_inside",
] as const;
export type Scenario = typeof SCENARIOS[number];

const INITIAL = 1_000_000;

/**
 * A fixture in which order n of the run is the n-th scenario, and all is well.
 *
 * @param prefix of the topics' names
 * @param begin.everyMs how long after the one before an order is placed
 */
export function createFixture(
  scenarios: readonly Scenario[],
  prefix = "t.",
  { beginMs = Date.parse(AT), everyMs = 0 } = {},
): Fixture {
  const fixture: Fixture = {
    names: new Names(prefix),
    nowMs: beginMs,
    records: [],
    ends: new Map(),
    firsts: new Map(),
    committed: Object.fromEntries(
      PROCESSORS.map((service) => [service, new Map()]),
    ) as Fixture["committed"],
    tables: {
      runs: [{
        run_id: RUN,
        acknowledged: scenarios.length,
        finished_at: "2026-01-01T00:00:00.000Z",
      }],
      placements: [{ run_id: RUN, placed: scenarios.length }],
      stock: PRODUCTS.map((product_id) => ({ product_id, initial: INITIAL, on_hand: INITIAL })),
      reservations: [],
      payments: [],
      charges: [],
      joins: [],
      seen_orders: [],
    },
    positions: new Map(),
    topicIds: new Map(),
    serviceTables: SERVICE_TABLES,
  };
  for (const [n, scenario] of scenarios.entries()) {
    live(fixture, n, scenario);
    fixture.nowMs += everyMs;
  }
  return fixture;
}

export const HOUR_MS = 3_600_000;

/** Orders of an hour each, the first of which are deleted. */
export function cutOff(scenarios: readonly Scenario[], deleted: number): Fixture {
  const fixture = createFixture(scenarios, "t.", { everyMs: HOUR_MS });
  const begin = fixture.nowMs - scenarios.length * HOUR_MS;
  fixture.tables.runs[0]!.started_at = new Date(begin).toISOString();
  deleteBefore(fixture, begin + deleted * HOUR_MS);
  return fixture;
}

export const confirmed = (n: number): Scenario[] => Array.from({ length: n }, () => "confirmed");

/** Writes what the services write for an order. */
function live(fixture: Fixture, n: number, scenario: Scenario): void {
  const {
    place,
    placeBroken,
    validate,
    reserve,
    refuse,
    release,
    pay,
    decline,
    refund,
    confirm,
    cancel,
    reject,
  } = stepsOf(fixture, n);
  const succeed = () => {
    validate();
    reserve();
    pay();
    confirm();
  };
  /** A service cannot process a message, a person replays it; returns the replay. */
  const replay = (service: Processor, raw: LogRecord) => {
    const deadLetter = addDeadLetter(fixture, service, raw, "processing_failed");
    return appendCopy(fixture, { ...raw, headers: addResolution(fixture, deadLetter, "replayed") });
  };

  switch (scenario) {
    case "confirmed":
      place();
      succeed();
      break;
    case "out_of_stock":
      place();
      validate();
      refuse();
      pay();
      cancel("out_of_stock");
      refund();
      break;
    case "card_declined":
      place();
      validate();
      reserve();
      decline();
      cancel("card_declined");
      release();
      break;
    case "both_refused":
      place();
      validate();
      refuse();
      decline();
      cancel("out_of_stock");
      break;
    case "rejected":
      place();
      reject();
      break;
    case "placed_twice":
      place();
      succeed();
      addDeadLetter(fixture, "validator", place(), "duplicate_order");
      break;
    case "broken":
      addDeadLetter(fixture, "validator", placeBroken(), "invalid_json");
      break;
    case "broken_discarded":
      addResolution(
        fixture,
        addDeadLetter(fixture, "validator", placeBroken(), "invalid_json"),
        "discarded",
      );
      break;
    case "broken_replayed": {
      const deadLetter = addDeadLetter(fixture, "validator", placeBroken(), "invalid_json");
      const headers = addResolution(fixture, deadLetter, "replayed");
      addDeadLetter(fixture, "validator", placeBroken(headers), "invalid_json");
      break;
    }
    case "failed_then_replayed": {
      const deadLetter = addDeadLetter(fixture, "validator", place(), "processing_failed");
      place(addResolution(fixture, deadLetter, "replayed"));
      succeed();
      break;
    }
    case "parked": {
      place();
      const validated = validate();
      pay();
      addDeadLetter(fixture, "inventory", validated, "processing_failed");
      break;
    }
    case "parked_then_replayed": {
      place();
      const validated = validate();
      pay();
      replay("inventory", validated);
      confirm(reserve());
      break;
    }
    case "half_replayed": {
      place();
      validate();
      reserve();
      confirm(replay("fulfillment", pay()));
      break;
    }
    case "release_parked":
      place();
      validate();
      reserve();
      decline();
      addDeadLetter(fixture, "inventory", cancel("card_declined"), "processing_failed");
      break;
    case "release_replayed":
      place();
      validate();
      reserve();
      decline();
      replay("inventory", cancel("card_declined"));
      release();
      break;
    case "broken_inside": {
      place();
      reject();
      const broken = placeBroken({}, "orders.validated");
      for (const service of PROCESSORS) {
        const reads = topicsReadBy(service).includes("orders.validated");
        if (reads && service !== "payment") addDeadLetter(fixture, service, broken, "invalid_json");
      }
      const letter = addDeadLetter(fixture, "payment", broken, "invalid_json");
      const again = placeBroken(addResolution(fixture, letter, "replayed"), "orders.validated");
      // The others, whose dead letter it was not, step over it.
      addDeadLetter(fixture, "payment", again, "invalid_json");
      break;
    }
    default:
      scenario satisfies never;
  }
}
