/**
 * Where topics and services are drawn, and the lines along which messages flow, from the topology alone:
 * a service or topic that is added to the table appears here. Pure.
 *
 * Columns follow the flow: each box is to the right of whatever sends it messages. A line back to an
 * earlier column runs around the others. A service that only reads is a bar below all that it reads.
 */
import { TOPICS } from "../../../../topology.ts";
import { placeLabels } from "./labels.ts";
import type { Box, Edge } from "./shapes.ts";

/** The shape of `TOPICS`, so that tests can lay out another topology. */
export type TopicTable = Readonly<
  Record<string, { readonly writers: readonly string[]; readonly readers: readonly string[] }>
>;

interface Layout {
  readonly width: number;
  readonly height: number;
  readonly boxes: readonly Box[];
  readonly edges: readonly Edge[];
}

const COLUMN = 172;
const ROW = 94;
/** Room for its name and three lines: members, lag, dead letters. */
const SERVICE = { width: 120, height: 84 };
const TOPIC = { width: 98, height: 38 };
const BAR_HEIGHT = 40;
/** Above and below the rows: room for lines that run around others. */
const MARGIN = 46;
const BYPASS = 15;
const RADIUS = 9;
const ASIDE = 14;
/** Between a column and the lines that run beside it. */
const GAP = 10;

/** How a line runs from one box to another. */
type Way = "straight" | "above" | "below" | "drop";

export function layOut(topics: TopicTable = TOPICS): Layout {
  const columns = columnsOf(topics);
  const bars = [...columns.keys()].filter((name) =>
    !(name in topics) && topicsOf(topics, "writers", name).length === 0
  );
  const rows = rowsOf(columns, bars);
  const lines = flows(topics).map(({ from, to }) => {
    const way: Way = bars.includes(to)
      ? "drop"
      : columns.get(to)! === columns.get(from)! + 1
      ? "straight"
      // Rows below the middle are reached from below, the others from above.
      : rows.get(to)! > 0
      ? "below"
      : "above";
    return { from, to, way };
  });
  const marginOf = (way: Way) =>
    Math.max(MARGIN, BYPASS * lines.filter((line) => line.way === way).length + 16);
  const top = Math.min(...rows.values());
  const rowY = (row: number) => marginOf("above") + SERVICE.height / 2 + (row - top) * ROW;
  const belowY = rowY(Math.max(...rows.values())) + SERVICE.height / 2;
  const inRows = [...rows].map(([name, row]): Box => ({
    name,
    kind: name in topics ? "topic" : "service",
    x: SERVICE.width / 2 + 4 + columns.get(name)! * COLUMN,
    y: rowY(row),
    ...name in topics ? TOPIC : SERVICE,
  }));
  const boxes = new Map(inRows.map((box) => [box.name, box]));
  bars.forEach((name, index) => {
    const sources = topicsOf(topics, "readers", name).map((topic) => boxes.get(topic)!.x);
    const left = Math.min(...sources) - TOPIC.width / 2;
    const right = Math.max(...sources) + TOPIC.width / 2;
    boxes.set(name, {
      name,
      kind: "service",
      x: (left + right) / 2,
      y: belowY + marginOf("below") + BAR_HEIGHT / 2 + index * (BAR_HEIGHT + BYPASS),
      width: right - left,
      height: BAR_HEIGHT,
    });
  });
  let [above, below] = [0, 0];
  const edges = lines.map(({ from, to, way }): Edge => {
    const [a, b] = [boxes.get(from)!, boxes.get(to)!];
    switch (way) {
      case "straight":
        return { from, to, ...straight(a, b) };
      case "above":
        return { from, to, ...around(a, b, marginOf("above") - BYPASS * ++above, -1, inRows) };
      case "below":
        return { from, to, ...around(a, b, belowY + BYPASS * ++below, 1, inRows) };
      case "drop":
        return { from, to, ...drop(a, b, inRows) };
    }
  });
  const bottoms = [...boxes.values()].map((box) => box.y + box.height / 2);
  const size = {
    width: Math.max(...inRows.map(({ x }) => x)) + SERVICE.width / 2 + 44,
    height: Math.max(...bottoms, belowY + BYPASS * below) + 4,
  };
  const all = [...boxes.values()];
  return { ...size, boxes: all, edges: placeLabels(edges, all, size) };
}

/** The topics that a service writes to, or reads, in the order of the flow. */
function topicsOf(topics: TopicTable, role: "writers" | "readers", service: string): string[] {
  return Object.keys(topics).filter((topic) => topics[topic]![role].includes(service));
}

/** Every way of a message, in the order of the flow. */
export function flows(topics: TopicTable = TOPICS): { from: string; to: string }[] {
  return Object.entries(topics).flatMap(([topic, { writers, readers }]) => [
    ...writers.map((from) => ({ from, to: topic })),
    ...readers.map((to) => ({ from: topic, to })),
  ]);
}

/** Topics are in the order of the flow: a service is behind what it reads before it first writes. */
function columnsOf(topics: TopicTable): Map<string, number> {
  const columns = new Map<string, number>();
  const behind = (names: readonly string[]) =>
    1 +
    Math.max(-1, ...names.filter((name) => columns.has(name)).map((name) => columns.get(name)!));
  for (const [topic, { writers }] of Object.entries(topics)) {
    for (const service of writers) {
      if (!columns.has(service)) columns.set(service, behind(topicsOf(topics, "readers", service)));
    }
    columns.set(topic, behind(writers));
  }
  for (const service of Object.values(topics).flatMap(({ readers }) => readers)) {
    if (!columns.has(service)) columns.set(service, behind(topicsOf(topics, "readers", service)));
  }
  return columns;
}

/** The boxes of one column are below each other around row 0, from the top: -1.25, 0, 1.25. */
function rowsOf(columns: ReadonlyMap<string, number>, bars: readonly string[]) {
  const byColumn = Map.groupBy(
    [...columns.keys()].filter((name) => !bars.includes(name)),
    (name) => columns.get(name)!,
  );
  return new Map(
    [...byColumn.values()].flatMap((names) =>
      names.map((name, index) => [name, (index - (names.length - 1) / 2) * 1.25] as const)
    ),
  );
}

function straight(a: Box, b: Box) {
  const [x1, x2] = [a.x + a.width / 2, b.x - b.width / 2];
  const middle = (x1 + x2) / 2;
  return {
    path: `M${x1} ${a.y}C${middle} ${a.y} ${middle} ${b.y} ${x2} ${b.y}`,
    // Where lines run down beside a column, they are nearer to its topics.
    label: {
      x: a.y === b.y ? middle : middle + 3,
      y: (a.y + b.y) / 2 - 7,
      anchor: "middle" as const,
    },
  };
}

/**
 * From a box's edge to a free line above or below all rows, along it, and to the other box's edge; past
 * other boxes of its column it runs beside the column.
 */
function around(a: Box, b: Box, y: number, side: 1 | -1, all: readonly Box[]) {
  const back = b.x < a.x ? -1 : 1;
  const isBlocked = (box: Box) =>
    all.some((other) => other.x === box.x && side * (other.y - box.y) > 0);
  /** The x of its vertical part, and its way from, or to, the box. */
  const end = (box: Box, aside: number, towards: number) => {
    if (!isBlocked(box)) return { x: box.x + aside, y: box.y + side * box.height / 2, edgeX: null };
    const edgeX = box.x + towards * box.width / 2;
    return { x: edgeX + towards * GAP, y: box.y + side * box.height / 4, edgeX };
  };
  // Beside the middle, where others end, and on the side where fewer are crossed.
  const from = end(a, ASIDE * back * side, back);
  const to = end(b, -ASIDE * back, -back);
  const turn = RADIUS * back;
  const corner = RADIUS * side;
  const start = from.edgeX === null ? `M${from.x} ${from.y}` : `M${from.edgeX} ${from.y}H${from.x}`;
  return {
    path: `${start}V${y - corner}Q${from.x} ${y} ${from.x + turn} ${y}` +
      `H${to.x - turn}Q${to.x} ${y} ${to.x} ${y - corner}V${to.y}` +
      (to.edgeX === null ? "" : `H${to.edgeX}`),
    label: {
      x: (back > 0 ? from.x : to.x) + ASIDE,
      y: y + (side > 0 ? 13 : -4),
      anchor: "start" as const,
    },
  };
}

/** Down into a bar; to the right of whatever is in between, each further line a bit more. */
function drop(a: Box, bar: Box, all: readonly Box[]) {
  const between = all.filter((other) => other.x === a.x && other.y > a.y).length;
  const end = bar.y - bar.height / 2;
  const start = a.y + a.height / 2;
  const x = between > 0 ? a.x + TOPIC.width / 2 + 5 + (between - 1) * ASIDE : a.x;
  const aside = start + 14;
  const path = between > 0
    ? `M${a.x} ${start}V${aside - RADIUS}Q${a.x} ${aside} ${a.x + RADIUS} ${aside}` +
      `H${x - RADIUS}Q${x} ${aside} ${x} ${aside + RADIUS}V${end}`
    : `M${a.x} ${start}V${end}`;
  const labelY = end - 8 - Math.max(0, between - 1) * ASIDE;
  // The first of a column on its left, the others on the right.
  const label = between > 0
    ? { x: x + 6, anchor: "start" as const }
    : { x: x - 6, anchor: "end" as const };
  return { path, label: { ...label, y: labelY } };
}
