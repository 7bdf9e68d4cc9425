/**
 * Where topics and services are drawn, and the lines along which messages flow, from the topology alone:
 * a service or topic that is added to the table appears here. Pure.
 *
 * Columns follow the flow: each box is to the right of whatever sends it messages. A line back to an
 * earlier column runs around the others. A service that only reads is a bar below all that it reads.
 */
import { TOPICS } from "../../../topology.ts";
import type { TopicTable } from "../rates.ts";

export interface Box {
  readonly name: string;
  readonly kind: "service" | "topic";
  /** Its centre and size. */
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

export interface Edge {
  readonly from: string;
  readonly to: string;
  /** An SVG path. */
  readonly path: string;
  /** The place of its rate, and how the text is aligned there. */
  readonly label: { readonly x: number; readonly y: number; readonly anchor: "middle" | "start" };
}

export interface Layout {
  readonly width: number;
  readonly height: number;
  readonly boxes: readonly Box[];
  readonly edges: readonly Edge[];
}

const COLUMN = 160;
const ROW = 94;
const SERVICE = { width: 108, height: 74 };
const TOPIC = { width: 98, height: 38 };
const BAR_HEIGHT = 40;
/** Above and below the rows: room for lines that run around others. */
const MARGIN = 46;
const BYPASS = 15;
const RADIUS = 9;
const ASIDE = 14;

export function layOut(topics: TopicTable = TOPICS): Layout {
  const columns = columnsOf(topics);
  const bars = [...columns.keys()].filter((name) =>
    !(name in topics) && topicsOf(topics, "writers", name).length === 0
  );
  const rows = rowsOf(columns, bars);
  const rowNumbers = [...rows.values()];
  const [top, bottom] = [Math.min(...rowNumbers), Math.max(...rowNumbers)];
  const last = Math.max(...[...rows.keys()].map((name) => columns.get(name)!));
  const rowY = (row: number) => MARGIN + SERVICE.height / 2 + (row - top) * ROW;
  const belowY = rowY(bottom) + SERVICE.height / 2;
  const boxes = new Map<string, Box>();
  for (const [name, row] of rows) {
    const isTopic = name in topics;
    boxes.set(name, {
      name,
      kind: isTopic ? "topic" : "service",
      x: SERVICE.width / 2 + 4 + columns.get(name)! * COLUMN,
      y: rowY(row),
      ...isTopic ? TOPIC : SERVICE,
    });
  }
  bars.forEach((name, index) => {
    const sources = topicsOf(topics, "readers", name).map((topic) => boxes.get(topic)!);
    const left = Math.min(...sources.map(({ x }) => x)) - TOPIC.width / 2;
    const right = Math.max(...sources.map(({ x }) => x)) + TOPIC.width / 2;
    boxes.set(name, {
      name,
      kind: "service",
      x: (left + right) / 2,
      y: belowY + MARGIN + BAR_HEIGHT / 2 + index * (BAR_HEIGHT + BYPASS),
      width: right - left,
      height: BAR_HEIGHT,
    });
  });
  const all = [...boxes.values()];
  let [above, below] = [0, 0];
  const edges = flows(topics).map(({ from, to }): Edge => {
    const [a, b] = [boxes.get(from)!, boxes.get(to)!];
    if (bars.includes(to)) return { from, to, ...drop(a, b, all) };
    if (columns.get(to)! === columns.get(from)! + 1) return { from, to, ...straight(a, b) };
    // Rows below the middle are reached from below, the others from above.
    return rows.get(to)! > 0
      ? { from, to, ...around(a, b, belowY + BYPASS * ++below, 1) }
      : { from, to, ...around(a, b, MARGIN - BYPASS * ++above, -1) };
  });
  return {
    width: last * COLUMN + SERVICE.width + 48,
    height: Math.max(...all.map((box) => box.y + box.height / 2)) + 4,
    boxes: all,
    edges,
  };
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
    label: { x: middle, y: (a.y + b.y) / 2 - 7, anchor: "middle" as const },
  };
}

/** From a box's edge to a free line, along it, and to the other box's edge. */
function around(a: Box, b: Box, y: number, side: 1 | -1) {
  const back = b.x < a.x ? -1 : 1;
  // Beside the middle, where others end, and on the side where fewer are crossed.
  const x1 = a.x + ASIDE * back * side;
  const x2 = b.x - ASIDE * back;
  const [y1, y2] = [a.y + side * a.height / 2, b.y + side * b.height / 2];
  const turn = RADIUS * back;
  const corner = RADIUS * side;
  return {
    path: `M${x1} ${y1}V${y - corner}Q${x1} ${y} ${x1 + turn} ${y}` +
      `H${x2 - turn}Q${x2} ${y} ${x2} ${y - corner}V${y2}`,
    label: {
      x: (back > 0 ? x1 : x2) + ASIDE,
      y: y + (side > 0 ? 13 : -4),
      anchor: "start" as const,
    },
  };
}

/** Down into a bar; to the right of whatever is in between, each further line a bit more. */
function drop(a: Box, bar: Box, all: readonly Box[]) {
  const between = all.filter((other) => other.x === a.x && other.y > a.y && other !== bar).length;
  const end = bar.y - bar.height / 2;
  const start = a.y + a.height / 2;
  const x = between > 0 ? a.x + TOPIC.width / 2 + 12 + (between - 1) * ASIDE : a.x;
  const aside = start + 14;
  const path = between > 0
    ? `M${a.x} ${start}V${aside - RADIUS}Q${a.x} ${aside} ${a.x + RADIUS} ${aside}` +
      `H${x - RADIUS}Q${x} ${aside} ${x} ${aside + RADIUS}V${end}`
    : `M${a.x} ${start}V${end}`;
  const labelY = end - 8 - Math.max(0, between - 1) * ASIDE;
  return { path, label: { x: x + 6, y: labelY, anchor: "start" as const } };
}
