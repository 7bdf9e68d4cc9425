/** The whole page: everything on it comes from one stream of live snapshots. */
import { render } from "preact";
import { useEffect, useMemo, useState } from "preact/hooks";
import "uplot/dist/uPlot.min.css";
import "./page.css";
import { applyChanges } from "../trends/changes.ts";
import type { RangeName, Trends } from "../trends/ranges.ts";
import type { Live, Update } from "../web/live.ts";
import { Checks } from "./checks/checks.tsx";
import { Glossary } from "./glossary.tsx";
import { Groups } from "./groups/groups.tsx";
import { Header } from "./header.tsx";
import { Now } from "./now.tsx";
import { OrderSearch } from "./order_search.tsx";
import { Pipeline } from "./pipeline/pipeline.tsx";

/** The server sends a snapshot a second: after this much silence the connection counts as lost. */
const SILENCE_MS = 4_000;
const RETRY_MS = 2_000;

function Page() {
  const { shown, connected } = useLive("/events");
  const [range, setRange] = useState<RangeName>("10 minutes");
  const live = shown?.live;
  const view = useMemo(
    () => shown && { trends: shown.trends, range, atMs: shown.live.atMs },
    [shown, range],
  );
  return (
    <>
      <Header live={live} connected={connected} />
      {live && view && (
        <main class={connected ? "" : "stale"}>
          <Now live={live} view={view} onPick={setRange} />
          <Pipeline live={live} />
          <Checks live={live} />
          <Groups live={live} view={view} />
          <OrderSearch recent={live.recentOrder} />
          <Glossary live={live} />
        </main>
      )}
    </>
  );
}

interface Shown {
  readonly live: Live;
  readonly trends: Trends;
}

/** What is shown (undefined before the first snapshot), and whether the server is still heard. */
function useLive(url: string): { shown: Shown | undefined; connected: boolean } {
  const [shown, setShown] = useState<Shown>();
  const [connected, setConnected] = useState(true);
  useEffect(() => {
    let source: EventSource;
    let timer: ReturnType<typeof setTimeout>;
    const lost = () => {
      setConnected(false);
      // A browser reconnects by itself after most failures, but not after an error status, and not
      // while the server is silent.
      clearTimeout(timer);
      timer = setTimeout(open, RETRY_MS);
    };
    const open = () => {
      source?.close();
      source = new EventSource(url);
      timer = setTimeout(lost, SILENCE_MS);
      source.onerror = lost;
      source.onmessage = ({ data }) => {
        clearTimeout(timer);
        timer = setTimeout(lost, SILENCE_MS);
        setConnected(true);
        const { live, trends, changes = {} }: Update = JSON.parse(data);
        // A new connection begins with the plots as a whole.
        setShown((before) => ({ live, trends: trends ?? applyChanges(before!.trends, changes) }));
      };
    };
    open();
    return () => {
      clearTimeout(timer);
      source.close();
    };
  }, [url]);
  return { shown, connected };
}

render(<Page />, document.getElementById("app")!);
