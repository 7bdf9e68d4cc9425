/** The whole page. */
import { Groups } from "./groups.tsx";
import { Header } from "./header.tsx";
import { Meanings } from "./meanings.tsx";
import { Now } from "./now.tsx";
import { OrderSearch } from "./order_search.tsx";
import { Pipeline } from "./pipeline.tsx";
import { useStream } from "./stream.ts";

export function App() {
  const { live, connected } = useStream("/events");
  return (
    <>
      <Header live={live} connected={connected} />
      {live && (
        <main class={connected ? "" : "stale"}>
          <Now live={live} />
          <Pipeline live={live} />
          <Groups live={live} />
          <OrderSearch />
          <Meanings live={live} />
        </main>
      )}
    </>
  );
}
