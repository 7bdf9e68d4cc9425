/** The pipeline as a diagram: who writes and reads what, how fast, and who is behind. */
import { TOPICS } from "../../../../topology.ts";
import type { Live } from "../../web/live.ts";
import { formatBrief, formatRate } from "../../../../runtime/format.ts";
import { DEAD_LETTERS_HASH } from "../checks/dead_letters.tsx";
import { FlowList } from "./flow_list.tsx";
import { layOut } from "./layout.ts";
import "./pipeline.css";
import type { Box, Edge } from "./shapes.ts";
import { isAlarming, lagText, membersText } from "./words.ts";

const layout = layOut();
const services = layout.boxes.filter(({ kind }) => kind === "service").map(({ name }) => name);
/** Between the lines of a box. */
const LINE = 17;

export function Pipeline({ live }: { live: Live }) {
  const { width, height, boxes, edges } = layout;
  return (
    <section id="pipeline" aria-label="The pipeline">
      <div class="diagram" tabIndex={0} role="group" aria-label="The pipeline, from left to right">
        <svg viewBox={`0 0 ${width} ${height}`} role="group" aria-label="Topics and services">
          <defs>
            <marker
              id="arrow"
              viewBox="0 0 8 8"
              refX="7"
              refY="4"
              markerWidth="10"
              markerHeight="10"
              markerUnits="userSpaceOnUse"
              orient="auto"
            >
              <path d="M0 0L8 4L0 8Z" class="arrow" />
            </marker>
          </defs>
          {edges.map((edge) => (
            <Line key={`${edge.from} ${edge.to}`} edge={edge} perSecond={rateOf(live, edge)} />
          ))}
          {boxes.map((box) =>
            box.kind === "topic"
              ? <TopicBox key={box.name} box={box} />
              : <ServiceBox key={box.name} box={box} live={live} />
          )}
        </svg>
      </div>
      <FlowList live={live} services={services} rateOf={rateOf} />
    </section>
  );
}

/** From a service to a topic: what it writes; from a topic to a service: what its group reads. */
function rateOf({ written, groups }: Live, { from, to }: Pick<Edge, "from" | "to">): number | null {
  if (from in TOPICS) {
    const topics = groups?.find(({ service }) => service === to)?.topics;
    return topics?.find(({ topic }) => topic === from)?.perSecond ?? null;
  }
  return written[to]?.find(({ by }) => by === from)?.perSecond ?? null;
}

function Line({ edge, perSecond }: { edge: Edge; perSecond: number | null }) {
  const { from, to, path, label } = edge;
  const flowing = perSecond !== null && perSecond >= 0.05;
  return (
    <g class={flowing ? "edge flowing" : "edge"} data-edge={`${from} ${to}`}>
      <path d={path} marker-end="url(#arrow)" />
      <text x={label.x} y={label.y} text-anchor={label.anchor}>{formatRate(perSecond)}</text>
    </g>
  );
}

function TopicBox({ box }: { box: Box }) {
  const { x, y, width, height, name } = box;
  const [first = name, ...rest] = name.split(/(?<=\.)/);
  return (
    <g class="topic">
      <rect x={x - width / 2} y={y - height / 2} {...{ width, height }} rx={height / 2} />
      <text x={x} y={y + (rest.length > 0 ? -2 : 5)}>{first}</text>
      <text x={x} y={y + 12}>{rest.join("")}</text>
    </g>
  );
}

function ServiceBox({ box, live }: { box: Box; live: Live }) {
  const { x, y, width, height, name } = box;
  const group = live.groups?.find(({ service }) => service === name);
  const open = live.deadLetters[name]?.open ?? 0;
  const isBar = width > 2 * height;
  const lines = [membersText(group), ...group ? [lagText(group)] : []];
  const count = lines.length + (open > 0 ? 1 : 0);
  // All lines together are in the middle of the box.
  const lineY = (index: number) => y + 5 + LINE * (index - count / 2);
  return (
    <g class={isAlarming(group) ? "service alarm" : "service"} data-service={name}>
      <rect x={x - width / 2} y={y - height / 2} {...{ width, height }} rx="8" />
      {isBar
        ? (
          <text x={x} y={y + 5}>
            <tspan class="name">{name}</tspan> · {lines.join(" · ")}
          </text>
        )
        : (
          <>
            <text class="name" x={x} y={lineY(0)}>{name}</text>
            {lines.map((line, index) => <text key={index} x={x} y={lineY(index + 1)}>{line}</text>)}
            {open > 0 && (
              <a href={DEAD_LETTERS_HASH}>
                <text class="dead-letters" x={x} y={lineY(count)}>
                  {deadLettersText(open)}
                </text>
              </a>
            )}
          </>
        )}
    </g>
  );
}

/** Those that wait for somebody; the list tells how many there ever were. */
function deadLettersText(open: number): string {
  return `${formatBrief(open)} dead letter${open === 1 ? "" : "s"}`;
}
