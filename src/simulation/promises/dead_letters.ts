/** G5: each message that cannot be processed is one dead letter, and nothing else is. */
import { DEAD_LETTER_HEADERS } from "../../kafka/dead_letters.ts";
import { PROCESSORS } from "../../topology.ts";
import { type Broken, type Evidence, type Histories, placeOf } from "./evidence.ts";

export function checkDeadLetters(
  evidence: Evidence,
  { orders, broken: brokenMessages }: Histories,
  broken: Broken,
): void {
  /** By the place of its message. */
  const found = new Map<string, string[]>();
  for (const service of PROCESSORS) {
    for (const { headers } of evidence.deadLetters(service)) {
      const { topic, partition, offset, reason, detail } = DEAD_LETTER_HEADERS;
      const place = `${headers[topic]} ${headers[partition]}@${headers[offset]}`;
      const why = `${service}: ${headers[reason]}`;
      if (service !== "validator" || headers[reason] === "processing_failed") {
        broken("G5", `${place} is a dead letter of ${why}: ${headers[detail]}`);
      }
      const known = found.get(place) ?? [];
      if (!evidence.mayRepeat || !known.includes(why)) found.set(place, [...known, why]);
    }
  }
  for (const { record, fault } of brokenMessages) {
    const place = placeOf("orders.raw", record);
    expectOne(place, `validator: ${fault.reason}`);
  }
  for (const { orderId, placed } of orders.values()) {
    // Which of the copies was first is the validator's to decide, where they are in several partitions.
    const copies = placed.filter(({ at }) => found.has(placeOf(at.topic, at)));
    for (const { at } of copies) expectOne(placeOf(at.topic, at), "validator: duplicate_order");
    if (placed.length > 0 && copies.length !== placed.length - 1) {
      broken(
        "G5",
        `${orderId} was placed ${placed.length} times, and ${copies.length} of them are dead letters`,
        orderId,
      );
    }
  }
  for (const [place, all] of found) {
    broken("G5", `${place} is a dead letter (${all.join("; ")}), and no such message was placed`);
  }

  function expectOne(place: string, why: string): void {
    const all = found.get(place);
    found.delete(place);
    if (all?.length === 1 && all[0] === why) return;
    broken("G5", `${place} should be one dead letter (${why}); found ${all?.join("; ") ?? "none"}`);
  }
}
