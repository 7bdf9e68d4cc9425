/** What happened to one order: what `deno task trace` shows, without the customer. */
import { useEffect, useRef, useState } from "preact/hooks";
import "./order_search.css";
import type { Timeline } from "../../../order_history/timeline.ts";
import { formatDuration } from "../../../runtime/format.ts";

type Found = Omit<Timeline, "rows">;

export function OrderSearch({ recent }: { recent: string | null }) {
  // The first one stays: what changes every second is hard to point at.
  const [example, setExample] = useState(recent);
  if (example === null && recent !== null) setExample(recent);
  const [id, setId] = useState("");
  const { busy, timeline, fault, search } = useSearch();
  const input = useRef<HTMLInputElement>(null);

  useLinked((linked) => {
    setId(linked);
    input.current?.scrollIntoView({ block: "center" });
    input.current?.focus({ preventScroll: true });
    void search(linked);
  });

  return (
    <section id="order" aria-labelledby="order-title">
      <h2 id="order-title">
        One order <small>its history in the log, without the customer</small>
      </h2>
      <div class="card">
        <form
          onSubmit={(event) => {
            event.preventDefault();
            void search(id);
          }}
        >
          <label for="order-id">Order id</label>
          <input
            id="order-id"
            ref={input}
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

/** What the newest search found; an older one that is answered later is forgotten. */
function useSearch() {
  const [busy, setBusy] = useState(false);
  const [timeline, setTimeline] = useState<Found>();
  const [fault, setFault] = useState("");
  const newest = useRef(0);

  const search = async (id: string) => {
    const number = ++newest.current;
    setBusy(true);
    setFault("");
    setTimeline(undefined);
    const found = await findOrder(id.trim());
    if (number !== newest.current) return;
    setTimeline(found.timeline);
    setFault(found.fault ?? "");
    setBusy(false);
  };
  return { busy, timeline, fault, search };
}

/** Follows the page's links to an order: `#order=ID`. */
function useLinked(onOrder: (id: string) => void): void {
  useEffect(() => {
    const follow = () => {
      const id = idIn(location.hash);
      if (id !== undefined) onOrder(id);
    };
    follow();
    addEventListener("hashchange", follow);
    return () => removeEventListener("hashchange", follow);
  }, []);
}

async function findOrder(id: string): Promise<{ timeline?: Found; fault?: string }> {
  try {
    const response = await fetch(`/order?id=${encodeURIComponent(id)}`);
    const answer = await response.json();
    return response.ok ? { timeline: answer } : { fault: answer.error };
  } catch {
    return { fault: "analytics does not answer: try again" };
  }
}

const LINK = "#order=";

function idIn(hash: string): string | undefined {
  if (!hash.startsWith(LINK)) return undefined;
  try {
    return decodeURIComponent(hash.slice(LINK.length));
  } catch {
    return undefined;
  }
}

function TimelineView({ timeline }: { timeline: Found }) {
  return (
    <div class="order-history">
      <p>{timeline.conclusion}</p>
      <div class="scroll" tabIndex={0} role="group" aria-label="Events of the order">
        <table class="stacked">
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
                <td>{sinceMs <= 0 ? "0 s" : `+${formatDuration(sinceMs)}`}</td>
                <td>
                  <b>{event}</b>
                </td>
                <td>{topic}</td>
                <td data-label="partition">{partition}</td>
                <td data-label="offset">{offset}</td>
                <td>{text}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </div>
  );
}
