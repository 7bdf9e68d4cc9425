/**
 * Where the parts of the pipeline are drawn, and along which lines messages flow, by the topology alone:
 * what is in the table is in the picture. Pure.
 *
 * Columns follow the flow, each node behind all that it gets messages from; what goes back to an
 * earlier column runs around the others. A service that only reads lies as a bar below all it reads.
 */
import {
  type Service,
  type Topic,
  TOPIC_NAMES,
  TOPICS,
  topicsReadBy,
  topicsWrittenBy,
} from "../../../topology.ts";

export interface Box {
  readonly name: Service | Topic;
  readonly kind: "service" | "topic";
  /** Its centre and size. */
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

export interface Edge {
  readonly from: Service | Topic;
  readonly to: Service | Topic;
  /** An SVG path. */
  readonly path: string;
  /** Where its rate is written, and from which end the text goes. */
  readonly label: { readonly x: number; readonly y: number; readonly anchor: "middle" | "start" };
}

export interface Layout {
  readonly width: number;
  readonly height: number;
  readonly boxes: readonly Box[];
  readonly edges: readonly Edge[];
}

const COLUMN = 160;
const LANE = 94;
const SERVICE = { width: 108, height: 74 };
const TOPIC = { width: 98, height: 38 };
const BAR_HEIGHT = 40;
/** Above and below the lanes: where lines run that pass others by. */
const MARGIN = 46;
const BYPASS = 15;
const RADIUS = 9;
const ASIDE = 14;

export function layOut(): Layout {
  const columns = columnsOf();
  const bars = [...columns.keys()].filter((name) =>
    isService(name) && topicsWrittenBy(name).length === 0
  );
  const lanes = lanesOf(columns, bars);
  const laneNumbers = [...lanes.values()];
  const [top, bottom] = [Math.min(...laneNumbers), Math.max(...laneNumbers)];
  const last = Math.max(...[...lanes.keys()].map((name) => columns.get(name)!));
  const laneY = (lane: number) => MARGIN + SERVICE.height / 2 + (lane - top) * LANE;
  const belowY = laneY(bottom) + SERVICE.height / 2;
  const boxes = new Map<string, Box>();
  for (const [name, lane] of lanes) {
    const x = SERVICE.width / 2 + 4 + columns.get(name)! * COLUMN;
    const size = isService(name) ? SERVICE : TOPIC;
    boxes.set(name, {
      name,
      kind: isService(name) ? "service" : "topic",
      x,
      y: laneY(lane),
      ...size,
    });
  }
  const width = SERVICE.width / 2 + 8 + last * COLUMN + SERVICE.width / 2 + 40;
  bars.forEach((name, index) => {
    const sources = topicsReadBy(name as Service).map((topic) => boxes.get(topic)!);
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
  const height = Math.max(...all.map((box) => box.y + box.height / 2)) + 4;
  let [above, below] = [0, 0];
  const edges = flows().map(({ from, to }): Edge => {
    const [a, b] = [boxes.get(from)!, boxes.get(to)!];
    if (bars.includes(to)) return { from, to, ...drop(a, b, all) };
    if (columns.get(to)! === columns.get(from)! + 1) return { from, to, ...straight(a, b) };
    // Lanes below the middle are reached from below, the others from above.
    return lanes.get(to)! > 0
      ? { from, to, ...around(a, b, belowY + BYPASS * ++below, 1) }
      : { from, to, ...around(a, b, MARGIN - BYPASS * ++above, -1) };
  });
  return { width, height, boxes: all, edges };
}

function isService(name: string): name is Service {
  return !(name in TOPICS);
}

/** Every way that a message takes, in the order of the flow. */
export function flows(): { from: Service | Topic; to: Service | Topic }[] {
  return TOPIC_NAMES.flatMap((topic) => [
    ...TOPICS[topic].writers.map((from) => ({ from, to: topic })),
    ...TOPICS[topic].readers.map((to) => ({ from: topic, to })),
  ]);
}

/** Topics are in the order of the flow: a service is behind what it reads before it first writes. */
function columnsOf(): Map<Service | Topic, number> {
  const columns = new Map<Service | Topic, number>();
  for (const topic of TOPIC_NAMES) {
    for (const service of TOPICS[topic].writers) {
      if (columns.has(service)) continue;
      const before = topicsReadBy(service).filter((read) => columns.has(read));
      columns.set(service, 1 + Math.max(-1, ...before.map((read) => columns.get(read)!)));
    }
    columns.set(topic, 1 + Math.max(...TOPICS[topic].writers.map((name) => columns.get(name)!)));
  }
  for (const service of TOPIC_NAMES.flatMap((topic) => [...TOPICS[topic].readers])) {
    if (columns.has(service)) continue;
    columns.set(service, 1 + Math.max(...topicsReadBy(service).map((read) => columns.get(read)!)));
  }
  return columns;
}

/** Those of one column lie under each other, around lane 0: -1, 1; or -1, 0, 1. */
function lanesOf(columns: Map<Service | Topic, number>, bars: readonly string[]) {
  const lanes = new Map<Service | Topic, number>();
  const byColumn = Map.groupBy(
    [...columns].filter(([name]) => !bars.includes(name)),
    ([, column]) => column,
  );
  for (const nodes of byColumn.values()) {
    const ordered = nodes.map(([name]) => name);
    ordered.forEach((name, index) => lanes.set(name, 2 * index - (ordered.length - 1)));
  }
  // Two lanes are one apart from the middle, not two.
  for (const [name, lane] of lanes) lanes.set(name, lane / 2 * 1.25);
  return lanes;
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

/** Down into a bar; beside whatever is in between. */
function drop(a: Box, bar: Box, all: readonly Box[]) {
  const blocked = all.some((other) =>
    other !== a && other.x === a.x && other.y > a.y && other !== bar
  );
  const end = bar.y - bar.height / 2;
  const start = a.y + a.height / 2;
  const x = blocked ? a.x + TOPIC.width / 2 + 12 : a.x;
  const aside = start + 14;
  const path = blocked
    ? `M${a.x} ${start}V${aside - RADIUS}Q${a.x} ${aside} ${a.x + RADIUS} ${aside}` +
      `H${x - RADIUS}Q${x} ${aside} ${x} ${aside + RADIUS}V${end}`
    : `M${a.x} ${start}V${end}`;
  return { path, label: { x: x + 6, y: end - 8, anchor: "start" as const } };
}
