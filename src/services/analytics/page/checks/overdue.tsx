/** Orders that are older than a set age and have no outcome. */
import { formatCount, formatDuration } from "../../../../runtime/format.ts";
import type { OverdueOrders } from "../../checks/open_orders.ts";
import type { OverdueView } from "../../checks/overdue.ts";
import { ago, dateAndTime, OrderLink, Verdict } from "./parts.tsx";

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
            formatDuration(atMs - oldestMs)
          }`
          : isWhole
          ? `older than ${age}`
          : `whether any is older than ${age}`}
      </Verdict>
      <Part
        one="waits for the validator"
        many="wait for the validator"
        orders={placed}
        why="Kafka does not answer"
      />
      <Part
        one="is validated, and waits for stock or payment"
        many="are validated, and wait for stock or payment"
        orders={validated}
        why={why}
      />
      <First known={known} atMs={atMs} />
      {sinceMs !== null && (
        <p>
          Orders placed before {dateAndTime(sinceMs)} are not looked at: old messages were deleted.
        </p>
      )}
    </article>
  );
}

function Part({ one, many, orders, why }: {
  one: string;
  many: string;
  orders: OverdueOrders | null;
  why: string | null;
}) {
  if (orders === null) return <p>It is not known how many {many}: {why}.</p>;
  if (orders.count === 0) return null;
  return (
    <p>
      <b>{formatCount(orders.count)}</b> {orders.count === 1 ? one : many}
    </p>
  );
}

/** The oldest of all, with where each can be looked at. */
function First({ known, atMs }: { known: readonly OverdueOrders[]; atMs: number }) {
  const all = known.flatMap((orders) => orders.first);
  // An order that the validator is about to commit waits for both.
  const first = [...new Map(all.map((order) => [order.orderId, order])).values()]
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
          {withoutId === 1 ? "The id of 1 is" : `The ids of ${formatCount(withoutId)} are`}{" "}
          not known here, because too many were open at once: <code>deno task audit</code>{" "}
          names some.
        </p>
      )}
    </>
  );
}
