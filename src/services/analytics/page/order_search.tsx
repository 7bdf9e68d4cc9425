/** What happened to one order: the same that `deno task trace` tells. */
import { useState } from "preact/hooks";
import type { Timeline } from "../../../order_history/timeline.ts";
import { duration } from "./format.ts";

type Found = Omit<Timeline, "rows">;

export function OrderSearch() {
  const [id, setId] = useState("");
  const [busy, setBusy] = useState(false);
  const [story, setStory] = useState<Found>();
  const [fault, setFault] = useState("");

  const search = async (event: Event) => {
    event.preventDefault();
    setBusy(true);
    setFault("");
    setStory(undefined);
    try {
      const response = await fetch(`/order?id=${encodeURIComponent(id.trim())}`);
      const answer = await response.json();
      if (response.ok) setStory(answer);
      else setFault(answer.error);
    } catch {
      setFault("no connection");
    } finally {
      setBusy(false);
    }
  };

  return (
    <section id="order" aria-labelledby="order-title">
      <h2 id="order-title">
        One order <small>everything the log says of it; without the customer</small>
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
        </form>
        <div aria-live="polite">
          {fault && <p class="warning">{fault}</p>}
          {story && <StoryView story={story} />}
        </div>
      </div>
    </section>
  );
}

function StoryView({ story }: { story: Found }) {
  return (
    <div class="story">
      <p>{story.conclusion}</p>
      <div class="scroll">
        <table>
          <thead>
            <tr>
              {["after", "event", "topic", "partition", "offset", "what"].map((name) => (
                <th scope="col" key={name}>{name}</th>
              ))}
            </tr>
          </thead>
          <tbody>
            {story.steps.map(({ sinceMs, topic, partition, offset, event, text }) => (
              <tr key={`${topic} ${partition} ${offset}`}>
                <td>+{duration(Math.max(0, sinceMs))}</td>
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
