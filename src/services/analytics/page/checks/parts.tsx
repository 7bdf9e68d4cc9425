/** What the three cards share. */
import type { ComponentChildren } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { formatDuration } from "../../../../runtime/format.ts";

/** The state in a word, in large letters, and in a sentence. */
export function Verdict({ state, word, children }: {
  state: "good" | "bad" | "unknown";
  word: string;
  children: ComponentChildren;
}) {
  return (
    <div class={`verdict ${state}`} data-state={state}>
      <b>{word}</b>
      <span>{children}</span>
    </div>
  );
}

/** Leads to the search for an order, further down on the page. */
export function OrderLink({ id }: { id: string }) {
  const hash = `#order=${encodeURIComponent(id)}`;
  const again = () => {
    // The same address once more is no change that a browser tells.
    if (location.hash === hash) globalThis.dispatchEvent(new Event("hashchange"));
  };
  return <a class="order-link" href={hash} onClick={again}>{id}</a>;
}

const COPIED_MS = 2_000;

/** A command, and a button that copies it. */
export function Command({ text }: { text: string }) {
  const [said, setSaid] = useState("");
  const code = useRef<HTMLElement>(null);
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined);
  useEffect(() => () => clearTimeout(timer.current), []);
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(text);
      setSaid("copied");
    } catch {
      // Without TLS a browser gives no clipboard to other machines.
      getSelection()?.selectAllChildren(code.current!);
      setSaid("selected");
    }
    clearTimeout(timer.current);
    timer.current = setTimeout(() => setSaid(""), COPIED_MS);
  };
  return (
    <span class="command">
      <code ref={code}>{text}</code>
      <button type="button" onClick={copy} aria-label={`Copy: ${text}`}>{said || "copy"}</button>
    </span>
  );
}

/** `3 min 20 s ago` */
export function ago(atMs: number, nowMs: number): string {
  return `${formatDuration(nowMs - atMs)} ago`;
}

/** In the reader's own time zone, with the date. */
export function dateAndTime(time: string | number): string {
  return new Date(time).toLocaleString("en-GB", { dateStyle: "medium", timeStyle: "medium" });
}

const MIN_BETWEEN_MS = 5_000;

/**
 * What the server answers at `path`; asked anew when `version` changes, not more often than once in five
 * seconds, and only while it is `wanted`.
 */
export function useAnswer<T>(path: string, version: string, wanted: boolean) {
  const [answer, setAnswer] = useState<T>();
  const [fault, setFault] = useState("");
  const askedAt = useRef(-Infinity);
  const asked = useRef("");
  const pending = useRef<ReturnType<typeof setTimeout>>(undefined);
  useEffect(() => {
    if (!wanted || asked.current === version) return;
    clearTimeout(pending.current);
    const ask = async () => {
      askedAt.current = Date.now();
      asked.current = version;
      try {
        const response = await fetch(path);
        if (!response.ok) throw new Error(response.statusText);
        setAnswer(await response.json());
        setFault("");
      } catch {
        asked.current = "";
        setFault("analytics does not answer");
      }
    };
    pending.current = setTimeout(ask, askedAt.current + MIN_BETWEEN_MS - Date.now());
    return () => clearTimeout(pending.current);
  }, [path, version, wanted]);
  return { answer, fault };
}
