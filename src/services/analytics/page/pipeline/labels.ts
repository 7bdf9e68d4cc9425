/** Where the rates are written beside their lines: on no line, no box and no other rate. Pure. */
import type { Box, Edge } from "./shapes.ts";

type Label = Edge["label"];
type Point = readonly [x: number, y: number];

interface Area {
  readonly left: number;
  readonly right: number;
  readonly top: number;
  readonly bottom: number;
}

/** As wide as `1,234/s`, as high as its digits. */
const TEXT = { width: 50, above: 10, below: 1 };
/** Between a rate and a line or box, and between two rates. */
const SPACE = 4;
const BETWEEN = 12;

/** The points of an SVG path of the letters M, H, V, Q and C, at most two apart. */
export function pointsOf(path: string): Point[] {
  const points: Point[] = [];
  for (const [, letter, rest] of path.matchAll(/([MHVQC])([^MHVQC]*)/g)) {
    const numbers = rest!.trim().split(/\s+/).map(Number);
    const start = points.at(-1) ?? [numbers[0]!, numbers[1]!];
    const through: Point[] = letter === "H"
      ? [[numbers[0]!, start[1]]]
      : letter === "V"
      ? [[start[0], numbers[0]!]]
      : Array.from(
        { length: numbers.length / 2 },
        (_, i) => [numbers[2 * i]!, numbers[2 * i + 1]!],
      );
    points.push(...curve([start, ...through]));
  }
  return points;
}

/** A Bézier curve through its control points, by de Casteljau. */
function curve(controls: readonly Point[]): Point[] {
  const length = controls.slice(1).reduce(
    (sum, [x, y], index) => sum + Math.hypot(x - controls[index]![0], y - controls[index]![1]),
    0,
  );
  const steps = Math.max(1, Math.ceil(length / 2));
  return Array.from({ length: steps + 1 }, (_, step) => {
    let points = controls;
    while (points.length > 1) {
      points = points.slice(1).map(([x, y], index) => {
        const [fromX, fromY] = points[index]!;
        return [fromX + (x - fromX) * step / steps, fromY + (y - fromY) * step / steps];
      });
    }
    return points[0]!;
  });
}

function areaOf({ x, y, anchor }: Label): Area {
  const left = x - TEXT.width * { start: 0, middle: 0.5, end: 1 }[anchor];
  return { left, right: left + TEXT.width, top: y - TEXT.above, bottom: y + TEXT.below };
}

function around({ left, right, top, bottom }: Area, x: number, y = x): Area {
  return { left: left - x, right: right + x, top: top - y, bottom: bottom + y };
}

function overlap(a: Area, b: Area): boolean {
  return a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom;
}

/**
 * Each rate near where its line wants it; elsewhere beside the line where something is in the way, and
 * where it wants it after all when the line has no free place.
 *
 * @param edges with the places that they want
 */
export function placeLabels(
  edges: readonly Edge[],
  boxes: readonly Box[],
  size: { readonly width: number; readonly height: number },
): Edge[] {
  const lines = edges.map(({ path }) => pointsOf(path));
  const points = lines.flat();
  const taken = boxes.map(({ x, y, width, height }): Area => ({
    left: x - width / 2,
    right: x + width / 2,
    top: y - height / 2,
    bottom: y + height / 2,
  }));
  const placed: Area[] = [];
  const isFree = (label: Label) => {
    const area = areaOf(label);
    if (area.left < 0 || area.right > size.width || area.top < 0 || area.bottom > size.height) {
      return false;
    }
    const { left, right, top, bottom } = around(area, SPACE);
    return !taken.some((box) => overlap(box, { left, right, top, bottom })) &&
      !placed.some((other) => overlap(other, around(area, BETWEEN, SPACE))) &&
      !points.some(([x, y]) => x > left && x < right && y > top && y < bottom);
  };
  return edges.map((edge, index) => {
    const wanted = edge.label;
    const distance = ({ x, y }: Label) => Math.hypot(x - wanted.x, y - wanted.y);
    const label = [wanted, ...besides(lines[index]!).toSorted((a, b) => distance(a) - distance(b))]
      .find(isFree) ?? wanted;
    placed.push(areaOf(label));
    return { ...edge, label };
  });
}

/** Above, below and to both sides of each point of a line. */
function besides(line: readonly Point[]): Label[] {
  return line.flatMap(([x, y]): Label[] => [
    { x, y: y - 5, anchor: "middle" },
    { x, y: y + 14, anchor: "middle" },
    { x: x + 5, y: y - 5, anchor: "start" },
    { x: x - 5, y: y - 5, anchor: "end" },
    { x: x + 5, y: y + 14, anchor: "start" },
    { x: x - 5, y: y + 14, anchor: "end" },
    { x: x + 6, y: y + 4, anchor: "start" },
    { x: x - 6, y: y + 4, anchor: "end" },
  ]);
}
