/** The rebalances on a time line, and in words. */
import type { Live } from "../web/live.ts";
import type { Rebalance } from "../groups/rebalances.ts";
import { duration, timeOfDay } from "./format.ts";

const OVER_MS = 600_000;
const SHOWN = 12;
const WIDTH = 1_000;
const ROW = 22;
const MINUTES = [-10, -8, -6, -4, -2, 0];

export function TimeLine({ live }: { live: Live }) {
  const { rebalances, groups, atMs } = live;
  const services = groups?.map(({ service }) => service) ??
    [...new Set(rebalances.map(({ service }) => service))];
  return (
    <section id="rebalances" aria-labelledby="rebalances-title">
      <h2 id="rebalances-title">
        Rebalances{" "}
        <small>last 10 minutes; looked at every 0.5 s, which is how exact durations are</small>
      </h2>
      <div class="card">
        <svg
          class="timeline"
          viewBox={`0 0 ${WIDTH + 110} ${services.length * ROW + 24}`}
          role="img"
          aria-label="Rebalances over time"
        >
          {services.map((service, index) => (
            <g key={service}>
              <text class="lane" x="0" y={index * ROW + 16}>{service}</text>
              <line x1="110" x2={WIDTH + 110} y1={index * ROW + 12} y2={index * ROW + 12} />
              {rebalances.filter((r) => r.service === service).map((rebalance) => (
                <Mark key={rebalance.number} {...{ rebalance, atMs }} y={index * ROW + 12} />
              ))}
            </g>
          ))}
          {MINUTES.map((minutes) => (
            <text
              key={minutes}
              class="tick"
              x={110 + WIDTH * (1 + minutes / 10)}
              y={services.length * ROW + 18}
              text-anchor={minutes === 0 ? "end" : "start"}
            >
              {minutes === 0 ? "now" : `−${-minutes} min`}
            </text>
          ))}
        </svg>
        {rebalances.length === 0
          ? <p class="empty">none so far: start or stop a member of a group, and watch</p>
          : (
            <ol class="events">
              {rebalances.slice(-SHOWN).toReversed().map((rebalance) => (
                <Words key={`${rebalance.service} ${rebalance.number}`} rebalance={rebalance} />
              ))}
            </ol>
          )}
      </div>
    </section>
  );
}

/** A bar as long as the rebalance, thinner on as long as partitions stood still. */
function Mark({ rebalance, atMs, y }: { rebalance: Rebalance; atMs: number; y: number }) {
  const { startedAtMs, durationMs, longestPauseMs } = rebalance;
  const x = (ms: number) => 110 + WIDTH * Math.max(0, 1 - (atMs - ms) / OVER_MS);
  const start = x(startedAtMs);
  if (atMs - startedAtMs > OVER_MS) return null;
  return (
    <g class="mark">
      <rect
        class="pause"
        x={start}
        y={y - 3}
        width={Math.max(0, x(startedAtMs + longestPauseMs) - start)}
        height="6"
      />
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

function Words({ rebalance }: { rebalance: Rebalance }) {
  const { service, startedAtMs, durationMs, running, joined, left, moved, members } = rebalance;
  const what = [
    ...joined.map((name) => `+ ${name}`),
    ...left.map((name) => `− ${name}`),
    ...(moved > 0 ? [`${moved} partitions changed hands`] : []),
  ];
  return (
    <li data-rebalance={service}>
      <time>{timeOfDay(startedAtMs)}</time>
      <b>{service}</b>
      <span>
        {running ? "rebalancing for " : ""}
        {durationMs === 0 && !running ? "under 0.5 s" : duration(durationMs)}
      </span>
      <span>{members} member{members === 1 ? "" : "s"}</span>
      <span>
        {rebalance.longestPauseMs > 0 ? `longest pause ${duration(rebalance.longestPauseMs)}` : ""}
      </span>
      <span class="what">{what.join(", ")}</span>
    </li>
  );
}
