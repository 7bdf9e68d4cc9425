import { assert, assertEquals } from "@std/assert";
import { TOPICS } from "../../../../topology.ts";
import { pointsOf } from "./labels.ts";
import { flows, layOut, type TopicTable } from "./layout.ts";
import type { Edge } from "./shapes.ts";

const topic = (writers: string[], ...readers: string[]) => ({ writers, readers });

/** Two services in parallel, one that joins them, and one that reads everything. */
const SHOP: TopicTable = {
  "raw": topic(["shop"], "check"),
  "checked": topic(["check"], "stock", "pay", "watch"),
  "stock.events": topic(["stock"], "join", "watch"),
  "pay.events": topic(["pay"], "join", "watch"),
  "outcomes": topic(["join", "check"], "stock", "pay", "watch"),
};

/** Ours; others with services and topics of your own; and the smallest. */
const TOPOLOGIES: Record<string, TopicTable> = {
  "ours": TOPICS,
  "a shop": SHOP,
  "a third service in parallel": {
    ...SHOP,
    "checked": topic(["check"], "stock", "pay", "fraud", "watch"),
    "fraud.events": topic(["fraud"], "watch"),
  },
  "a fourth one": {
    ...SHOP,
    "checked": topic(["check"], "stock", "pay", "fraud", "tax", "watch"),
    "fraud.events": topic(["fraud"], "watch"),
    "tax.events": topic(["tax"], "watch"),
  },
  "a topic that no service reads, and a second service that only reads": {
    ...SHOP,
    "pay.events": topic(["pay"], "join", "watch", "fraud", "ledger"),
    "flags": topic(["fraud"]),
  },
  "back to a service between two others, and from one past the others": {
    ...SHOP,
    "checked": topic(["check"], "stock", "pay", "fraud", "watch"),
    "fraud.events": topic(["fraud"], "watch"),
    "outcomes": topic(["join", "check", "pay"], "stock", "pay", "fraud", "watch"),
  },
  "one topic": { "orders": topic(["shop"], "store") },
};

/** Those with room beside every line; ours until it has more services than a shop. */
const ROOMY = ["a shop", "one topic"];
if (Object.keys(TOPICS).length === Object.keys(SHOP).length) ROOMY.push("ours");

/** The end points of a path's parts: of curves, too, which stay between them here. */
function cornersOf(path: string): (readonly [x: number, y: number])[] {
  const corners: [number, number][] = [];
  for (const [, letter, rest] of path.matchAll(/([MHVQC])([^MHVQC]*)/g)) {
    const numbers = rest!.trim().split(/\s+/).map(Number);
    const [x, y] = corners.at(-1) ?? [0, 0];
    if (letter === "H") corners.push([numbers[0]!, y]);
    else if (letter === "V") corners.push([x, numbers[0]!]);
    else corners.push([numbers.at(-2)!, numbers.at(-1)!]);
  }
  return corners;
}

/** From where to where a rate such as `1,234/s` is written. */
function spanOf({ x, anchor }: Edge["label"]): [left: number, right: number] {
  const width = 50;
  const left = x - width * { start: 0, middle: 0.5, end: 1 }[anchor];
  return [left, left + width];
}

for (const [what, topics] of Object.entries(TOPOLOGIES)) {
  const { width, height, boxes, edges } = layOut(topics);
  const isBar = (name: string) => !(name in topics) && !edges.some(({ from }) => from === name);

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

  Deno.test(`layOut, ${what}: no line runs through a box, or out of the drawing`, () => {
    for (const { from, to, path } of edges) {
      const corners = cornersOf(path);
      for (const [x, y] of corners) {
        assert(x >= 0 && x <= width && y >= 0 && y <= height, `${from} → ${to}: ${x}, ${y}`);
      }
      // To a second service that only reads, a line runs behind the first one's bar.
      const others = boxes.filter(({ name }) =>
        name !== from && name !== to && !(isBar(name) && isBar(to))
      );
      for (const box of others) {
        const isIn = (at: number, centre: number, size: number) => Math.abs(at - centre) < size / 2;
        for (const [index, [x2, y2]] of corners.slice(1).entries()) {
          const [x1, y1] = corners[index]!;
          for (let step = 0; step <= 100; step++) {
            const [x, y] = [x1 + (x2 - x1) * step / 100, y1 + (y2 - y1) * step / 100];
            const through = isIn(x, box.x, box.width) && isIn(y, box.y, box.height);
            assert(!through, `${from} → ${to} runs through ${box.name}`);
          }
        }
      }
    }
  });

  Deno.test(`layOut, ${what}: no two rates are written over each other, or outside`, () => {
    for (const { label, from, to } of edges) {
      const isInside = label.x > 0 && label.x < width && label.y > 8 && label.y < height;
      assert(isInside, `${from} → ${to}: ${label.x}, ${label.y}`);
    }
    for (const [index, { label, from, to }] of edges.entries()) {
      const [left, right] = spanOf(label);
      for (const other of edges.slice(index + 1)) {
        const [otherLeft, otherRight] = spanOf(other.label);
        const apart = right + 12 <= otherLeft || otherRight + 12 <= left ||
          Math.abs(label.y - other.label.y) >= 12;
        assert(apart, `${from} → ${to} and ${other.from} → ${other.to}`);
      }
    }
  });

  Deno.test(`layOut, ${what}: no rate is written on a line, or on a box`, () => {
    if (!ROOMY.includes(what)) return;
    for (const { label, from, to } of edges) {
      const [left, right] = spanOf(label);
      const isIn = (x: number, y: number) =>
        x > left && x < right && y > label.y - 10 && y < label.y + 1;
      for (const other of edges) {
        const through = pointsOf(other.path).some(([x, y]) => isIn(x, y));
        assert(!through, `${other.from} → ${other.to} runs through ${from} → ${to}`);
      }
      for (const box of boxes) {
        const apart = right <= box.x - box.width / 2 || left >= box.x + box.width / 2 ||
          label.y + 1 <= box.y - box.height / 2 || label.y - 10 >= box.y + box.height / 2;
        assert(apart, `${from} → ${to} is written on ${box.name}`);
      }
    }
  });
}

Deno.test("layOut: what a service reads first is to its left", () => {
  const { boxes } = layOut();
  const x = (name: string) => boxes.find((box) => box.name === name)!.x;
  assert(x("orders.validated") < x("inventory") && x("inventory.events") < x("fulfillment"));
});
