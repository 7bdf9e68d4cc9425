/** What happened to one order: what `deno task trace` shows, without the customer. */
import { useState } from "preact/hooks";
import type { Timeline } from "../../../order_history/timeline.ts";
import { formatDuration } from "../../../runtime/format.ts";

type Found = Omit<Timeline, "rows">;

export function OrderSearch({ recent }: { recent: string | null }) {
  // The first one stays: what changes every second is hard to point at.
  const [example, setExample] = useState(recent);
  if (example === null && recent !== null) setExample(recent);
  const [id, setId] = useState("");
  const [busy, setBusy] = useState(false);
  const [timeline, setTimeline] = useState<Found>();
  const [fault, setFault] = useState("");

  const search = async (event: Event) => {
    event.preventDefault();
    setBusy(true);
    setFault("");
    setTimeline(undefined);
    try {
      const response = await fetch(`/order?id=${encodeURIComponent(id.trim())}`);
      const answer = await response.json();
      if (response.ok) setTimeline(answer);
      else setFault(answer.error);
    } catch {
      setFault("analytics does not answer: try again");
    } finally {
      setBusy(false);
    }
  };

  return (
    <section id="order" aria-labelledby="order-title">
      <h2 id="order-title">
        One order <small>its history in the log, without the customer</small>
      </h2>
      <div class="card">
        <form onSubmit={search}>
          <label for="order-id">Order id</label>
          <input
            id="order-id"
            value={id}
            onInput={({ currentTarget }) => setId(currentTarget.value)}
            autocomplete="off"
            spellcheck={false}
            maxLength={128}
            required
          />
          <button type="submit" disabled={busy}>{busy ? "Searching" : "Search"}</button>
          {example !== null && (
            <span class="example">
              for example{" "}
              <button type="button" data-example={example} onClick={() => setId(example)}>
                {example}
              </button>
            </span>
          )}
        </form>
        <div aria-live="polite">
          {fault && <p class="warning">{fault}</p>}
          {timeline && <TimelineView timeline={timeline} />}
        </div>
      </div>
    </section>
  );
}

function TimelineView({ timeline }: { timeline: Found }) {
  return (
    <div class="order-history">
      <p>{timeline.conclusion}</p>
      <div class="scroll" tabIndex={0} role="group" aria-label="Events of the order">
        <table>
          <thead>
            <tr>
              {["since placed", "event", "topic", "partition", "offset", "details"].map((name) => (
                <th scope="col" key={name}>{name}</th>
              ))}
            </tr>
          </thead>
          <tbody>
            {timeline.steps.map(({ sinceMs, topic, partition, offset, event, text }) => (
              <tr key={`${topic} ${partition} ${offset}`}>
                <td>+{formatDuration(Math.max(0, sinceMs))}</td>
                <td>
                  <b>{event}</b>
                </td>
                <td>{topic}</td>
                <td>{partition}</td>
                <td>{offset}</td>
                <td>{text}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </div>
  );
}
