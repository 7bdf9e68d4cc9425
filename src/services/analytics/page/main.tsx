/** The whole page: everything on it comes from one stream of live snapshots. */
import { render } from "preact";
import { useEffect, useState } from "preact/hooks";
import "uplot/dist/uPlot.min.css";
import "./page.css";
import type { Live } from "../web/live.ts";
import { Checks } from "./checks/checks.tsx";
import { Glossary } from "./glossary.tsx";
import { Groups } from "./groups.tsx";
import { Header } from "./header.tsx";
import { Now } from "./now.tsx";
import { OrderSearch } from "./order_search.tsx";
import { Pipeline } from "./pipeline.tsx";

/** The server sends a snapshot a second: after this much silence the connection counts as lost. */
const SILENCE_MS = 4_000;
const RETRY_MS = 2_000;

function Page() {
  const { live, connected } = useLive("/events");
  return (
    <>
      <Header live={live} connected={connected} />
      {live && (
        <main class={connected ? "" : "stale"}>
          <Now live={live} />
          <Pipeline live={live} />
          <Checks live={live} />
          <Groups live={live} />
          <OrderSearch />
          <Glossary live={live} />
        </main>
      )}
    </>
  );
}

/** The newest snapshot (undefined before the first), and whether the server is still heard. */
function useLive(url: string): { live: Live | undefined; connected: boolean } {
  const [live, setLive] = useState<Live>();
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
        setLive(JSON.parse(data));
      };
    };
    open();
    return () => {
      clearTimeout(timer);
      source.close();
    };
  }, [url]);
  return { live, connected };
}

render(<Page />, document.getElementById("app")!);
