/** Orders as the services would let them live, event by event and row by row, whatever their fate. */
import type { LogRecord } from "../../kafka/records.ts";
import { Names, type Processor, PROCESSORS, topicsReadBy } from "../../topology.ts";
import { PRODUCTS, stepsOf } from "./steps.ts";
import { appendCopy, bury, judge, RUN, type World } from "./world.ts";

/** What becomes of an order. */
export const FATES = [
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
export type Fate = typeof FATES[number];

const INITIAL = 1_000_000;

/**
 * A world in which order n of the run has the n-th fate, and all is well.
 *
 * @param prefix of the topics' names
 */
export function createWorld(fates: readonly Fate[], prefix = "t."): World {
  const world: World = {
    names: new Names(prefix),
    records: [],
    ends: new Map(),
    committed: Object.fromEntries(
      PROCESSORS.map((service) => [service, new Map()]),
    ) as World["committed"],
    tables: {
      runs: [{ run_id: RUN, acknowledged: fates.length, finished_at: "2026-01-01T00:00:00.000Z" }],
      placements: [{ run_id: RUN, placed: fates.length }],
      stock: PRODUCTS.map((product_id) => ({ product_id, initial: INITIAL, on_hand: INITIAL })),
      reservations: [],
      payments: [],
      charges: [],
      joins: [],
    },
  };
  for (const [n, fate] of fates.entries()) live(world, n, fate);
  return world;
}

/** Lets an order live. */
function live(world: World, n: number, fate: Fate): void {
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
  } = stepsOf(world, n);
  const succeed = () => {
    validate();
    reserve();
    pay();
    confirm();
  };
  /** A service cannot process a message, a person replays it; returns the replay. */
  const replay = (service: Processor, raw: LogRecord) => {
    const letter = bury(world, service, raw, "processing_failed");
    return appendCopy(world, { ...raw, headers: judge(world, letter, "replayed") });
  };

  switch (fate) {
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
      bury(world, "validator", place(), "duplicate_order");
      break;
    case "broken":
      bury(world, "validator", placeBroken(), "invalid_json");
      break;
    case "broken_discarded":
      judge(world, bury(world, "validator", placeBroken(), "invalid_json"), "discarded");
      break;
    case "broken_replayed": {
      const letter = bury(world, "validator", placeBroken(), "invalid_json");
      const headers = judge(world, letter, "replayed");
      bury(world, "validator", placeBroken(headers), "invalid_json");
      break;
    }
    case "failed_then_replayed": {
      const letter = bury(world, "validator", place(), "processing_failed");
      place(judge(world, letter, "replayed"));
      succeed();
      break;
    }
    case "parked": {
      place();
      const validated = validate();
      pay();
      bury(world, "inventory", validated, "processing_failed");
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
      bury(world, "inventory", cancel("card_declined"), "processing_failed");
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
        if (reads && service !== "payment") bury(world, service, broken, "invalid_json");
      }
      const letter = bury(world, "payment", broken, "invalid_json");
      const again = placeBroken(judge(world, letter, "replayed"), "orders.validated");
      // The others, whose letter it was not, step over it.
      bury(world, "payment", again, "invalid_json");
      break;
    }
    default:
      fate satisfies never;
  }
}
