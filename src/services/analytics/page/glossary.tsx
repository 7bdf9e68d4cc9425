/** What each figure means, over which time, and what it leaves out. */
import { formatCount, localTimeOfDay } from "../../../runtime/format.ts";
import type { Live } from "../web/live.ts";

const TERMS = [
  [
    "placed, validated, settled",
    "Orders that the validator has decided on; that passed its checks; that have their outcome. " +
    "Orders still waiting for the validator, and messages that are not orders, are not counted.",
  ],
  [
    "per second, last 10 s",
    "The mean over the last ten full seconds, by the times inside the events. Orders placed are " +
    "counted at the time they were placed, so that figure grows as the validator catches up.",
  ],
  [
    "latency",
    "From the time an order was placed to the time of its outcome. Half of the orders took at most " +
    "p50, 95 % at most p95, 99 % at most p99, to within 2 %.",
  ],
  [
    "revenue",
    "The value of all confirmed orders, by currency, beside that of all validated ones. The plot has " +
    "what was confirmed, as so much a minute.",
  ],
  [
    "rates in the diagram",
    "The mean over the last 5 s. What is written is counted event by event; what is read, by the " +
    "offsets that the group commits, without transactions' control records (estimated).",
  ],
  [
    "lag",
    "Messages that a group has not committed yet, and for how long the oldest of them has been in " +
    "the log. Control records do not count.",
  ],
  [
    "caught up in",
    "How long until a group has nothing left to read, if its lag keeps shrinking as in the last 10 s. " +
    "While the lag grows there is no such time. A group whose messages wait for less than 2 s keeps up.",
  ],
  [
    "plots",
    "10 minutes in windows of 5 s, 1 hour in windows of 30 s, all in at most 240 windows. Each value " +
    "is the mean of its window; a lag is the largest. A window is shown when it is over. Lag is " +
    "known since analytics started.",
  ],
  [
    "stall",
    "The committed offset of a partition does not move although there is something to read. " +
    "Longest: since analytics started. Sampled every 0.5 s, so a stall may be that much longer.",
  ],
  [
    "rebalance",
    "The time in which a group was not stable: its partitions are being handed to other members. " +
    "Sampled every 0.5 s.",
  ],
  [
    "dead letter",
    "A message that a service could not process. It stays open until you replay or discard it " +
    "with deno task dlq. The list has only its ids, kinds and amounts; deno task dlq show has all of it.",
  ],
  [
    "audit",
    "A program of its own that reads all topics and tables, and asks for each promise what breaks it. " +
    "The page shows the report that it published last, and judges nothing itself.",
  ],
  [
    "without an outcome",
    "Orders that were not confirmed, cancelled or rejected within the set time: those that the " +
    "validator has not read, by its offsets, and those that it let pass, by their events. An order " +
    "that waits for an open dead letter counts; one whose dead letter was discarded does not.",
  ],
] as const;

export function Glossary({ live }: { live: Live }) {
  const { lateEvents, clockSkewEvents } = live.snapshot;
  const { undecodableMessages, startedAt } = live.reading;
  return (
    <section id="glossary" aria-labelledby="glossary-title">
      <h2 id="glossary-title">Glossary</h2>
      <div class="card">
        <dl>
          {TERMS.map(([term, text]) => (
            <div key={term}>
              <dt>{term}</dt>
              <dd>{text}</dd>
            </div>
          ))}
        </dl>
        <p data-counted-since={startedAt}>
          Counting since{" "}
          {localTimeOfDay(Date.parse(startedAt))}. In the totals but not in the plots:{" "}
          {formatCount(lateEvents)}{" "}
          events that came more than ten minutes late. Latency counted as 0:{" "}
          {formatCount(clockSkewEvents)}{" "}
          events older than their order (a clock is off). Not counted at all:{" "}
          {formatCount(undecodableMessages)} messages that are not events.
        </p>
      </div>
    </section>
  );
}
