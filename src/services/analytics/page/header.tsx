/** What is counted, whether it is up to date, and the button that counts anew. */
import { useState } from "preact/hooks";
import type { Live } from "../web/live.ts";
import { count, duration, plural, timeOfDay } from "./format.ts";

export function Header({ live, connected }: { live: Live | undefined; connected: boolean }) {
  return (
    <header>
      <h1>orderflow</h1>
      <Connection live={live} connected={connected} />
      {live && <Source live={live} />}
      <nav aria-label="Parts of this page">
        <a href="#pipeline">Pipeline</a>
        <a href="#groups">Groups</a>
        <a href="#order">Order</a>
        <a href="#meanings">Meanings</a>
      </nav>
      {live && <Replay live={live} />}
    </header>
  );
}

function Connection({ live, connected }: { live: Live | undefined; connected: boolean }) {
  const text = connected ? live ? timeOfDay(live.atMs) : "connecting" : "connection lost, retrying";
  return (
    <p class={`connection ${connected ? "" : "lost"}`} role="status" data-connected={connected}>
      {text}
    </p>
  );
}

/** One line of what the figures are made of; a fault comes first. */
function Source({ live }: { live: Live }) {
  const { reading, groups } = live;
  const behind = groups?.find(({ service }) => service === "analytics")?.lag;
  if (reading.notReady) return <p class="source warning">{reading.notReady}</p>;
  if (reading.progress) {
    const { passed, expected } = reading.progress;
    return (
      <p class="source warning">
        counting from the log: {count(passed)} of {count(expected)} messages
      </p>
    );
  }
  if (reading.source === "log") {
    return (
      <p class="source">
        everything in the log is counted
        {behind && behind.ms > 2_000 ? `; ${duration(behind.ms)} behind` : ""}
      </p>
    );
  }
  return (
    <p class="source">
      counted: only what this member of the group {reading.group} read since{" "}
      {timeOfDay(Date.parse(reading.startedAt))},{" "}
      {plural(reading.partitions, "partition")}; a replay counts everything
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
      setFault("no connection");
    }
  };
  return (
    <div class="replay">
      {progress
        ? (
          <progress max={1} value={share} aria-label="Replay">
            {Math.round(100 * share)} %
          </progress>
        )
        : (
          <button type="button" onClick={replay} title="Count everything in the log anew">
            Replay the log
          </button>
        )}
      {fault && <span role="alert">{fault}</span>}
    </div>
  );
}
