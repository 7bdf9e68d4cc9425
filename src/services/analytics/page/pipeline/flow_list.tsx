/** The pipeline as a list: for narrow screens, on which its diagram cannot be read, and to be read aloud. */
import { TOPICS } from "../../../../topology.ts";
import { formatBrief, formatRate, plural } from "../../../../runtime/format.ts";
import { formatWait } from "../../groups/lag.ts";
import type { Live } from "../../web/live.ts";
import { DEAD_LETTERS_HASH } from "../checks/dead_letters.tsx";
import { flows } from "./layout.ts";

export function FlowList({ live, rateOf }: {
  live: Live;
  rateOf: (live: Live, way: { from: string; to: string }) => number | null;
}) {
  const ways = flows();
  const services = new Set(
    ways.flatMap(({ from, to }) => [from, to]).filter((name) => !(name in TOPICS)),
  );
  return (
    <ul class="flow" aria-label="The pipeline, service by service">
      {[...services].map((service) => {
        const group = live.groups?.find((group) => group.service === service);
        const open = live.deadLetters[service]?.open ?? 0;
        return (
          <li key={service} class="card" data-flow={service}>
            <b>{service}</b>
            {group && (
              <span>
                {plural(group.members.length, "member")} · lag {formatBrief(group.lag.messages)}
                {group.lag.messages > 0 && ` · ${formatWait(group.lag)}`}
              </span>
            )}
            {open > 0 && (
              <a class="warning" href={DEAD_LETTERS_HASH}>{plural(open, "dead letter")}</a>
            )}
            <ul>
              {ways.filter(({ to }) => to === service).map((way) => (
                <li key={way.from}>
                  reads {way.from} <b>{formatRate(rateOf(live, way))}</b>
                </li>
              ))}
              {ways.filter(({ from }) => from === service).map((way) => (
                <li key={way.to}>
                  writes {way.to} <b>{formatRate(rateOf(live, way))}</b>
                </li>
              ))}
            </ul>
          </li>
        );
      })}
    </ul>
  );
}
