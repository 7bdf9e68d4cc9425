import { assert, assertEquals } from "@std/assert";
import { TOPICS } from "../../../topology.ts";
import type { TopicTable } from "../writers.ts";
import { flows, layOut } from "./layout.ts";

/** Ours; two with services and topics of your own; and the smallest. */
const TOPOLOGIES: Record<string, TopicTable> = {
  "ours": TOPICS,
  "with a service and its own topic": {
    ...TOPICS,
    "orders.validated": {
      ...TOPICS["orders.validated"],
      readers: [...TOPICS["orders.validated"].readers, "fraud"],
    },
    "fraud.events": { events: ["OrderFlagged"], writers: ["fraud"], readers: ["analytics"] },
  },
  "with a topic that no service reads, and a second one that only reads": {
    ...TOPICS,
    "payment.events": {
      ...TOPICS["payment.events"],
      readers: [...TOPICS["payment.events"].readers, "fraud", "ledger"],
    },
    "flags": { events: ["OrderFlagged"], writers: ["fraud"], readers: [] },
  },
  "alone": { "orders": { events: ["OrderPlaced"], writers: ["shop"], readers: ["store"] } },
};

for (const [what, topics] of Object.entries(TOPOLOGIES)) {
  const { width, height, boxes, edges } = layOut(topics);

  Deno.test(`layOut, ${what}: every topic, service and way of a message once`, () => {
    const services = Object.values(topics).flatMap(({ writers, readers }) => [
      ...writers,
      ...readers,
    ]);
    assertEquals(
      boxes.map(({ name }) => name).toSorted(),
      [...new Set([...Object.keys(topics), ...services])].toSorted(),
    );
    assertEquals(edges.map(({ from, to }) => ({ from, to })), flows(topics));
    const ways = Object.values(topics).map(({ writers, readers }) =>
      writers.length + readers.length
    );
    assertEquals(edges.length, ways.reduce((a, b) => a + b));
    assertEquals(new Set(edges.map(({ path }) => path)).size, edges.length);
  });

  Deno.test(`layOut, ${what}: boxes are inside the drawing and beside each other`, () => {
    const span = (centre: number, size: number) => [centre - size / 2, centre + size / 2] as const;
    for (const [index, box] of boxes.entries()) {
      const [left, right] = span(box.x, box.width);
      const [top, bottom] = span(box.y, box.height);
      assert(left >= 0 && right <= width && top >= 0 && bottom <= height, `${box.name} is outside`);
      for (const other of boxes.slice(index + 1)) {
        const [otherLeft, otherRight] = span(other.x, other.width);
        const [otherTop, otherBottom] = span(other.y, other.height);
        const apart = right < otherLeft || otherRight < left || bottom < otherTop ||
          otherBottom < top;
        assert(apart, `${box.name} lies on ${other.name}`);
      }
    }
  });

  Deno.test(`layOut, ${what}: what a service writes is to its right`, () => {
    const x = (name: string) => boxes.find((box) => box.name === name)!.x;
    for (const { from, to } of edges) {
      if (to in topics) assert(x(from) < x(to), `${from} → ${to}`);
    }
  });

  Deno.test(`layOut, ${what}: no two rates are written over each other`, () => {
    for (const [index, { label, from, to }] of edges.entries()) {
      for (const other of edges.slice(index + 1)) {
        const apart = Math.abs(label.x - other.label.x) >= 30 ||
          Math.abs(label.y - other.label.y) >= 12;
        assert(apart, `${from} → ${to} and ${other.from} → ${other.to}`);
      }
    }
  });
}

Deno.test("layOut: what a service reads first is to its left", () => {
  const { boxes } = layOut();
  const x = (name: string) => boxes.find((box) => box.name === name)!.x;
  assert(x("orders.validated") < x("inventory") && x("inventory.events") < x("fulfillment"));
});
