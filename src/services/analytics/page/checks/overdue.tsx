/** Orders that are older than a set age and have no outcome. */
import { formatCount } from "../../../../runtime/format.ts";
import type { OverdueOrders } from "../../checks/open_orders.ts";
import type { OverdueView } from "../../checks/overdue.ts";
import { ago, dateAndTime, formatAge, OrderLink, Verdict } from "./parts.tsx";

const MAX_NAMED = 5;

export function OverdueCard({ overdue, atMs }: { overdue: OverdueView; atMs: number }) {
  const { placed, validated, why, sinceMs, afterMs } = overdue;
  const known = [placed, validated].filter((orders) => orders !== null);
  const count = known.reduce((sum, orders) => sum + orders.count, 0);
  const isWhole = known.length === 2;
  const oldestMs = Math.min(...known.map(({ oldestMs }) => oldestMs ?? Infinity));
  const isOlder = known.some(({ withoutId }) => withoutId > 0);
  const age = `${afterMs / 1_000} s`;
  return (
    <article class="card check" id="overdue">
      <h3>Orders without an outcome</h3>
      <Verdict
        state={count > 0 ? "bad" : isWhole ? "good" : "unknown"}
        word={isWhole || count > 0 ? `${isWhole ? "" : "≥ "}${formatCount(count)}` : "not known"}
      >
        {count > 0
          ? `older than ${age}; the oldest has waited ${isOlder ? "at least " : ""}${
            formatAge(atMs - oldestMs)
          }`
          : `older than ${age}`}
      </Verdict>
      <Part name="wait for the validator" orders={placed} why="Kafka does not answer" />
      <Part name="are validated, and wait for stock or payment" orders={validated} why={why} />
      <First known={known} atMs={atMs} />
      {sinceMs !== null && (
        <p>
          Orders placed before {dateAndTime(sinceMs)} are not looked at: old messages were deleted.
        </p>
      )}
    </article>
  );
}

function Part({ name, orders, why }: {
  name: string;
  orders: OverdueOrders | null;
  why: string | null;
}) {
  if (orders === null) return <p>How many {name} is not known: {why}.</p>;
  if (orders.count === 0) return null;
  return (
    <p>
      <b>{formatCount(orders.count)}</b> {name}
    </p>
  );
}

/** The oldest of all, with where each can be looked at. */
function First({ known, atMs }: { known: readonly OverdueOrders[]; atMs: number }) {
  const first = known.flatMap((orders) => orders.first)
    .toSorted((a, b) => a.placedAtMs - b.placedAtMs).slice(0, MAX_NAMED);
  const withoutId = known.reduce((sum, orders) => sum + orders.withoutId, 0);
  return (
    <>
      {first.length > 0 && (
        <ul aria-label="The oldest of them">
          {first.map(({ orderId, placedAtMs }) => (
            <li key={orderId}>
              <OrderLink id={orderId} /> placed {ago(placedAtMs, atMs)}
            </li>
          ))}
        </ul>
      )}
      {withoutId > 0 && (
        <p>
          The ids of {formatCount(withoutId)}{" "}
          are not known here, because too many were open at once: <code>deno task audit</code>{" "}
          names some.
        </p>
      )}
    </>
  );
}
