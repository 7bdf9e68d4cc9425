/** The stream of pictures from the server, through its absences. */
import { useEffect, useState } from "preact/hooks";
import type { Live } from "../web/live.ts";

/** Pictures come once a second: after this much silence nobody is there. */
const SILENCE_MS = 4_000;
const RETRY_MS = 2_000;

export interface Stream {
  /** The newest picture; undefined before the first. */
  readonly live: Live | undefined;
  readonly connected: boolean;
}

export function useStream(url: string): Stream {
  const [live, setLive] = useState<Live>();
  const [connected, setConnected] = useState(true);
  useEffect(() => {
    let source: EventSource;
    let timer: ReturnType<typeof setTimeout>;
    const lost = () => {
      setConnected(false);
      // A browser asks again by itself after most failures, but not when the server said no, and not
      // when it says nothing at all.
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
