/** The pipeline as a list: for narrow screens, on which its diagram cannot be read, and to be read aloud. */
import { TOPICS } from "../../../../topology.ts";
import { formatBrief, formatRate, plural } from "../../../../runtime/format.ts";
import { formatWait } from "../../groups/lag.ts";
import type { Live } from "../../web/live.ts";
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
        const dead = live.deadLetters[service];
        return (
          <li key={service} class="card" data-flow={service}>
            <b>{service}</b>
            {group && (
              <span>
                {plural(group.members.length, "member")} · lag {formatBrief(group.lag.messages)}
                {group.lag.messages > 0 && ` · ${formatWait(group.lag)}`}
              </span>
            )}
            {dead && dead.total > 0 && (
              <span class="warning">{plural(dead.total, "dead letter")}</span>
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
