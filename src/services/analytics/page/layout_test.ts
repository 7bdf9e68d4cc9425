import { assert, assertEquals } from "@std/assert";
import { type Topic, TOPIC_NAMES, TOPICS } from "../../../topology.ts";
import { flows, layOut } from "./layout.ts";

const { width, height, boxes, edges } = layOut();

Deno.test("layOut: every topic, service and way of a message once", () => {
  const services = TOPIC_NAMES.flatMap((
    topic,
  ) => [...TOPICS[topic].writers, ...TOPICS[topic].readers]);
  assertEquals(
    boxes.map(({ name }) => name).toSorted(),
    [...new Set([...TOPIC_NAMES, ...services])].toSorted(),
  );
  assertEquals(edges.map(({ from, to }) => ({ from, to })), flows());
  const ways = TOPIC_NAMES.map((topic) =>
    TOPICS[topic].writers.length + TOPICS[topic].readers.length
  );
  assertEquals(edges.length, ways.reduce((a, b) => a + b));
});

Deno.test("layOut: boxes are inside the picture and beside each other", () => {
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

Deno.test("layOut: what a service writes is to its right, what it reads first to its left", () => {
  const x = (name: string) => boxes.find((box) => box.name === name)!.x;
  for (const { from, to } of edges) {
    if (to in TOPICS) assert(x(from) < x(to), `${from} → ${to as Topic}`);
  }
  assert(x("orders.validated") < x("inventory") && x("inventory.events") < x("fulfillment"));
});
