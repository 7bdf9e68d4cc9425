/** What is counted, whether the page is up to date, and the button that starts a replay. */
import { useState } from "preact/hooks";
import { troubles } from "./checks/checks.tsx";
import type { Live } from "../web/live.ts";
import { formatCount, formatDuration, localTimeOfDay, plural } from "../../../runtime/format.ts";

export function Header({ live, connected }: { live: Live | undefined; connected: boolean }) {
  return (
    <header>
      <h1>orderflow</h1>
      <Connection live={live} connected={connected} />
      {live && <Source live={live} />}
      <nav aria-label="Parts of this page">
        <a href="#pipeline">Pipeline</a>
        <a href="#checks">
          Checks{live && troubles(live) > 0 && (
            <span class="troubles" title="Something is not accounted for">{troubles(live)}</span>
          )}
        </a>
        <a href="#groups">Groups</a>
        <a href="#order">Order</a>
        <a href="#glossary">Glossary</a>
      </nav>
      {live && <Replay live={live} />}
    </header>
  );
}

function Connection({ live, connected }: { live: Live | undefined; connected: boolean }) {
  const time = live && localTimeOfDay(live.atMs);
  const text = connected
    ? time ?? "connecting"
    : `connection lost, retrying${time ? `; figures of ${time}` : ""}`;
  return (
    <p class={`connection ${connected ? "" : "lost"}`} role="status" data-connected={connected}>
      {text}
    </p>
  );
}

/** One line: what the figures are made of, or first of all a fault. */
function Source({ live }: { live: Live }) {
  const { reading, groups } = live;
  const behind = groups?.find(({ service }) => service === "analytics")?.lag;
  if (reading.notReady) return <p class="source warning">{reading.notReady}</p>;
  if (reading.progress) {
    const { passed, expected } = reading.progress;
    return (
      <p class="source warning">
        recounting from the log: {formatCount(passed)} of {formatCount(expected)} messages
      </p>
    );
  }
  if (reading.source === "log") {
    return (
      <p class="source">
        counts everything in the log
        {behind && behind.ms > 2_000 ? `; ${formatDuration(behind.ms)} behind` : ""}
      </p>
    );
  }
  return (
    <p class="source">
      counts only what this member of the group {reading.group} has read since{" "}
      {localTimeOfDay(Date.parse(reading.startedAt))},{" "}
      {plural(reading.partitions, "partition")}; recount from the log to count everything
    </p>
  );
}

function Replay({ live }: { live: Live }) {
  const [fault, setFault] = useState("");
  const { progress } = live.reading;
  const share = progress && progress.expected > 0 ? progress.passed / progress.expected : 0;
  const replay = async () => {
    try {
      const response = await fetch("/replay", { method: "POST" });
      setFault(response.ok ? "" : (await response.json()).error);
    } catch {
      setFault("analytics does not answer: try again");
    }
  };
  return (
    <div class="replay">
      {progress
        ? (
          <progress max={1} value={share} aria-label="Recounted">
            {Math.round(100 * share)} %
          </progress>
        )
        : (
          <button
            type="button"
            onClick={replay}
            title="Counts everything in the log again, from the first event"
          >
            Recount from the log
          </button>
        )}
      {fault && <span role="alert">{fault}</span>}
    </div>
  );
}
