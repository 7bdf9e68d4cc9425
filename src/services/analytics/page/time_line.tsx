/** The rebalances on a time line, and in words. */
import type { Live, RebalanceView } from "../web/live.ts";
import { duration, plural, timeOfDay } from "./format.ts";

const OVER_MS = 600_000;
const LEFT = 88;
const WIDTH = 500;
const ROW = 19;
const MINUTES = [-10, -8, -6, -4, -2, 0];

export function TimeLine({ live }: { live: Live }) {
  const { rebalances, groups, atMs } = live;
  const services = groups?.map(({ service }) => service) ?? [];
  return (
    <article class="card rebalances" aria-labelledby="rebalances-title">
      <h3 id="rebalances-title">
        Rebalances <small>last 10 minutes, to within 0.5 s</small>
      </h3>
      <svg
        class="timeline"
        viewBox={`0 0 ${LEFT + WIDTH} ${services.length * ROW + 18}`}
        role="img"
        aria-label="Rebalances over time"
      >
        {services.map((service, index) => (
          <g key={service}>
            <text class="lane" x="0" y={index * ROW + 14}>{service}</text>
            <line x1={LEFT} x2={LEFT + WIDTH} y1={index * ROW + 10} y2={index * ROW + 10} />
            {rebalances.filter((r) => r.service === service).map((rebalance) => (
              <Mark key={rebalance.number} {...{ rebalance, atMs }} y={index * ROW + 10} />
            ))}
          </g>
        ))}
        {MINUTES.map((minutes) => (
          <text
            key={minutes}
            class="tick"
            x={LEFT + WIDTH * (1 + minutes / 10)}
            y={services.length * ROW + 14}
            text-anchor={minutes === 0 ? "end" : "start"}
          >
            {minutes === 0 ? "now" : `−${-minutes} min`}
          </text>
        ))}
      </svg>
      <p class="legend">
        <i class="rebalance" /> not stable <i class="pause" /> longest pause of a partition
      </p>
      {rebalances.length === 0
        ? <p class="none">none so far: start or stop a member of a group, and watch</p>
        : (
          <ol class="events" tabIndex={0} aria-label="Rebalances, the newest first">
            {rebalances.toReversed().map((rebalance) => (
              <Words key={`${rebalance.service} ${rebalance.number}`} rebalance={rebalance} />
            ))}
          </ol>
        )}
    </article>
  );
}

/** A bar as long as the rebalance, thinner on as long as partitions stood still. */
function Mark({ rebalance, atMs, y }: { rebalance: RebalanceView; atMs: number; y: number }) {
  const { startedAtMs, durationMs, longestPause } = rebalance;
  const x = (ms: number) => LEFT + WIDTH * Math.max(0, 1 - (atMs - ms) / OVER_MS);
  const start = x(startedAtMs);
  if (atMs - startedAtMs > OVER_MS) return null;
  return (
    <g class="mark">
      {longestPause && (
        <rect
          class="pause"
          x={x(longestPause.sinceMs)}
          y={y - 3}
          width={x(longestPause.sinceMs + longestPause.ms) - x(longestPause.sinceMs)}
          height="6"
        />
      )}
      <rect
        class="rebalance"
        x={start}
        y={y - 8}
        width={Math.max(4, x(startedAtMs + durationMs) - start)}
        height="16"
        rx="2"
      />
    </g>
  );
}

function Words({ rebalance }: { rebalance: RebalanceView }) {
  const {
    service,
    startedAtMs,
    durationMs,
    running,
    joined,
    left,
    moved,
    members,
    longestPause,
  } = rebalance;
  const what = [
    ...joined.map((name) => `+ ${name}`),
    ...left.map((name) => `− ${name}`),
    ...(moved > 0 ? [`${plural(moved, "partition")} moved`] : []),
  ];
  const took = durationMs === 0 && !running ? "under 0.5 s" : duration(durationMs);
  return (
    <li data-rebalance={service}>
      <time>{timeOfDay(startedAtMs)}</time>
      <b>{service}</b>
      <span>{running ? `rebalancing for ${took}` : `took ${took}`}</span>
      <span>{longestPause ? `longest pause ${duration(longestPause.ms)}` : ""}</span>
      <span class="what">
        {plural(members, "member")} now; {what.join(", ") || "nothing changed yet"}
      </span>
    </li>
  );
}
