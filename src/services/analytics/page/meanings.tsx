/** What each figure means, in which window, and what is left out. */
import type { Live } from "../web/live.ts";
import { count, timeOfDay } from "./format.ts";

const MEANINGS = [
  [
    "placed, validated, settled",
    "Orders that the validator has decided on; that passed its checks; that have their outcome. " +
    "Orders it has not come to, and messages that are no orders, are not seen.",
  ],
  [
    "per second, last 10 s",
    "The mean over the last ten full seconds, by the times inside the events; placed by when the " +
    "order was placed, so that it fills up as the validator comes to it.",
  ],
  [
    "placed to outcome",
    "From the time an order was placed to the time of its outcome: half of the orders took at most " +
    "p50, 95 % at most p95, 99 % at most p99; at most 2 % off.",
  ],
  [
    "revenue",
    "The value of confirmed orders, by currency, beside the value of all orders that were placed " +
    "and passed the checks. The plot shows confirmed value in each full minute, in the currency's " +
    "main unit; the newest minute is not over.",
  ],
  [
    "rates in the picture",
    "Over the last 5 s. What is written is counted by event; what is read by the offsets that the " +
    "group has committed, less transactions' control records in proportion.",
  ],
  [
    "lag",
    "Messages that a group has not committed yet, and for how long the oldest of them has been in " +
    "the log. Control records at the end, which nobody reads, do not count.",
  ],
  [
    "pause",
    "A partition's committed offset did not move although there was something to read. Longest: " +
    "since analytics started; at least so long, by looks every 0.5 s.",
  ],
  [
    "rebalance",
    "From the first look at which the group was not stable to the first at which it was again.",
  ],
] as const;

export function Meanings({ live }: { live: Live }) {
  const { lateEvents, clockSkewEvents } = live.snapshot;
  const { undecodableMessages, startedAt } = live.reading;
  return (
    <section id="meanings" aria-labelledby="meanings-title">
      <h2 id="meanings-title">What the figures mean</h2>
      <div class="card">
        <dl>
          {MEANINGS.map(([name, text]) => (
            <div key={name}>
              <dt>{name}</dt>
              <dd>{text}</dd>
            </div>
          ))}
        </dl>
        <p data-counted-since={startedAt}>
          Counting began at {timeOfDay(Date.parse(startedAt))}. Left out of windows:{" "}
          {count(lateEvents)} events that came more than ten minutes late. Latency taken as 0:{" "}
          {count(clockSkewEvents)}{" "}
          events before their order was placed (a clock is off). Left out altogether:{" "}
          {count(undecodableMessages)} messages that are no events.
        </p>
      </div>
    </section>
  );
}
