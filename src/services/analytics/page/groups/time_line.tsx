/** The rebalances on a time line, and as a list. */
import "./time_line.css";
import type { Live, RebalanceView } from "../../web/live.ts";
import { formatDuration, localTimeOfDay, plural } from "../../../../runtime/format.ts";

const OVER_MS = 600_000;
const ROW = 19;
/** In percent of the time line, so that a short one is seen. */
const MIN_WIDTH = 0.8;
const TICKS = [
  { text: "−10 min", x: "0%", anchor: "start" },
  { text: "−5 min", x: "50%", anchor: "middle" },
  { text: "now", x: "100%", anchor: "end" },
] as const;

export function TimeLine({ live }: { live: Live }) {
  const { rebalances, groups, atMs } = live;
  const services = groups?.map(({ service }) => service) ?? [];
  const height = services.length * ROW + 18;
  return (
    <article class="card rebalances" aria-labelledby="rebalances-title">
      <h3 id="rebalances-title">
        Rebalances <small>in the last 10 minutes, to within 0.5 s</small>
      </h3>
      <div class="timeline" role="img" aria-label="Rebalances over time">
        <svg height={height}>
          {services.map((service, index) => (
            <text key={service} x="0" y={index * ROW + 14}>{service}</text>
          ))}
        </svg>
        <svg height={height}>
          {services.map((service, index) => (
            <g key={service}>
              <line x1="0" x2="100%" y1={index * ROW + 10} y2={index * ROW + 10} />
              {rebalances.filter((r) => r.service === service).map((rebalance) => (
                <Mark key={rebalance.number} {...{ rebalance, atMs }} y={index * ROW + 10} />
              ))}
            </g>
          ))}
          {TICKS.map(({ text, x, anchor }) => (
            <text key={text} class="tick" x={x} y={services.length * ROW + 14} text-anchor={anchor}>
              {text}
            </text>
          ))}
        </svg>
      </div>
      <p class="legend">
        <i class="rebalance" /> rebalance <i class="stall" /> longest stall of a partition
      </p>
      {rebalances.length === 0
        ? <p class="none">none so far: start or stop a member of a group, and watch one happen</p>
        : (
          <ol class="events" tabIndex={0} aria-label="Rebalances, the newest first">
            {rebalances.toSorted((a, b) => b.startedAtMs - a.startedAtMs).map((rebalance) => (
              <Entry key={`${rebalance.service} ${rebalance.number}`} rebalance={rebalance} />
            ))}
          </ol>
        )}
    </article>
  );
}

/** A bar as long as the rebalance, and a thinner one as long as its partitions were stalled. */
function Mark({ rebalance, atMs, y }: { rebalance: RebalanceView; atMs: number; y: number }) {
  const { startedAtMs, durationMs, longestStall } = rebalance;
  const x = (ms: number) => 100 * Math.max(0, 1 - (atMs - ms) / OVER_MS);
  const start = x(startedAtMs);
  if (atMs - startedAtMs > OVER_MS) return null;
  return (
    <g class="mark">
      {longestStall && (
        <rect
          class="stall"
          x={`${x(longestStall.sinceMs)}%`}
          y={y - 3}
          width={`${x(longestStall.sinceMs + longestStall.ms) - x(longestStall.sinceMs)}%`}
          height="6"
        />
      )}
      <rect
        class="rebalance"
        x={`${start}%`}
        y={y - 8}
        width={`${Math.max(MIN_WIDTH, x(startedAtMs + durationMs) - start)}%`}
        height="16"
        rx="2"
      />
    </g>
  );
}

function Entry({ rebalance }: { rebalance: RebalanceView }) {
  const {
    service,
    startedAtMs,
    durationMs,
    running,
    joined,
    left,
    moved,
    members,
    longestStall,
  } = rebalance;
  // Who was away longer than its session is a new member to Kafka.
  const back = joined.filter((name) => left.includes(name));
  const what = [
    ...joined.filter((name) => !back.includes(name)).map((name) => `+ ${name}`),
    ...left.filter((name) => !back.includes(name)).map((name) => `− ${name}`),
    ...back.map((name) => `${name} left and came back`),
    ...(moved > 0 ? [`${plural(moved, "partition")} moved`] : []),
  ];
  const took = durationMs === 0 && !running ? "under 0.5 s" : formatDuration(durationMs);
  return (
    <li data-rebalance={service}>
      <time>{localTimeOfDay(startedAtMs)}</time>
      <b>{service}</b>
      <span>{running ? `rebalancing for ${took}` : `took ${took}`}</span>
      <span>{longestStall ? `longest stall ${formatDuration(longestStall.ms)}` : ""}</span>
      <span class="what">
        {plural(members, "member")} now; {what.join(", ") || "nothing changed yet"}
      </span>
    </li>
  );
}
