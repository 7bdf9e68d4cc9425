/** How many dead letters each service has, and a list of the newest open ones. */
import { useEffect, useState } from "preact/hooks";
import { formatCount, formatDuration, formatMoney } from "../../../../runtime/format.ts";
import type { DeadLetterList, ListedDeadLetter } from "../../checks/dead_letters.ts";
import type { Live } from "../../web/live.ts";
import { Command, dateAndTime, OrderLink, useAnswer, Verdict } from "./parts.tsx";

/** Leads to the list, and opens it. */
export const DEAD_LETTERS_HASH = "#dead-letters";

export function DeadLettersCard({ live }: { live: Live }) {
  const { deadLetters, deadLettersNotReady } = live;
  const all = Object.entries(deadLetters);
  const open = all.reduce((sum, [, one]) => sum + one.open, 0);
  const total = all.reduce((sum, [, one]) => sum + one.total, 0);
  return (
    <article class="card check" id="dead-letters">
      <h3>Dead letters</h3>
      <Verdict
        state={open > 0 ? "bad" : deadLettersNotReady ? "unknown" : "good"}
        word={deadLettersNotReady && open === 0 ? "not known" : `${formatCount(open)} open`}
      >
        {deadLettersNotReady ??
          (total === 0
            ? "no message has become one"
            : open === total
            ? "none was replayed or discarded so far"
            : `of ${formatCount(total)} in all; the others were replayed or discarded`)}
      </Verdict>
      {open > 0 && <Lists live={live} open={open} />}
    </article>
  );
}

function Lists({ live, open }: { live: Live; open: number }) {
  const [shown, setShown] = useState(location.hash === DEAD_LETTERS_HASH);
  useEffect(() => {
    const follow = () => location.hash === DEAD_LETTERS_HASH && setShown(true);
    addEventListener("hashchange", follow);
    return () => removeEventListener("hashchange", follow);
  }, []);
  const version = JSON.stringify(live.deadLetters);
  const { answer, fault } = useAnswer<{ services: DeadLetterList[] }>(
    "/dead-letters",
    version,
    shown,
  );
  return (
    <details open={shown} onToggle={({ currentTarget }) => setShown(currentTarget.open)}>
      <summary>list {open === 1 ? "it" : "them"}, with reason, age and commands</summary>
      {fault && <p class="warning">{fault}</p>}
      {shown &&
        answer?.services.filter((list) => list.open > 0).map((list) => (
          <ServiceList key={list.service} list={list} atMs={live.atMs} />
        ))}
    </details>
  );
}

function ServiceList({ list, atMs }: { list: DeadLetterList; atMs: number }) {
  const { service, open, newest } = list;
  return (
    <div class="service-list" data-dead-letters={service}>
      <h4>
        {service}: {newest.length < open
          ? `the newest ${formatCount(newest.length)} of ${formatCount(open)} open`
          : `${formatCount(open)} open`}
      </h4>
      <p>
        All of them: <Command text={`deno task dlq list ${service}`} />
      </p>
      <div
        class="scroll"
        tabIndex={0}
        role="group"
        aria-label={`Dead letters of ${service}`}
      >
        <table class="stacked">
          <thead>
            <tr>
              {["dead letter", "reason", "age", "order", "what it says", "commands"].map((name) => (
                <th scope="col" key={name}>{name}</th>
              ))}
            </tr>
          </thead>
          <tbody>
            {newest.map((one) => <Row key={one.id} {...{ service, one, atMs }} />)}
          </tbody>
        </table>
      </div>
    </div>
  );
}

function Row({ service, one, atMs }: { service: string; one: ListedDeadLetter; atMs: number }) {
  const { id, reason, orderId, source } = one;
  return (
    <tr data-dead-letter={id}>
      <th scope="row">
        {id} <small>{source && `from ${source}`}</small>
      </th>
      <td data-label="reason">{reason.replaceAll("_", " ") || "unknown"}</td>
      <td data-label="age" title={dateAndTime(one.atMs)}>{formatDuration(atMs - one.atMs)}</td>
      <td data-label="order">{orderId ? <OrderLink id={orderId} /> : "–"}</td>
      <td>{excerptText(one)}</td>
      <td class="commands">
        <Command text={`deno task dlq show ${service} ${id}`} />
        <Command text={`deno task dlq replay ${service} ${id}`} />
      </td>
    </tr>
  );
}

/** Its fields, in words. The order's id has a column of its own. */
function excerptText({ excerpt, orderId }: ListedDeadLetter): string {
  const { currency } = excerpt;
  const text = Object.entries(excerpt).flatMap(([name, value]) => {
    if (name === "currency" || name === "orderId" && value === orderId) return [];
    if (!name.endsWith("Cents") || typeof value !== "number") return [`${name} ${value}`];
    const amount = currency ? formatMoney(value, String(currency)) : `${value} cents`;
    return [`${name.slice(0, -"Cents".length)} ${amount}`];
  });
  return text.join(", ") || "nothing that can be shown";
}
