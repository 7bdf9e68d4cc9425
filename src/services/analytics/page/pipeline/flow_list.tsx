/** The pipeline as a list: for narrow screens, on which its diagram cannot be read, and to be read aloud. */
import { formatRate, plural } from "../../../../runtime/format.ts";
import type { Live } from "../../web/live.ts";
import { DEAD_LETTERS_HASH } from "../checks/dead_letters.tsx";
import { flows } from "./layout.ts";
import { isAlarming, lagText, membersText } from "./words.ts";

export function FlowList({ live, services, rateOf }: {
  live: Live;
  /** In the order of the flow. */
  services: readonly string[];
  rateOf: (live: Live, way: { from: string; to: string }) => number | null;
}) {
  const ways = flows();
  return (
    <ul class="flow" aria-label="The pipeline, service by service">
      {services.map((service) => {
        const group = live.groups?.find((group) => group.service === service);
        const open = live.deadLetters[service]?.open ?? 0;
        return (
          <li key={service} class={isAlarming(group) ? "card alarm" : "card"} data-flow={service}>
            <p>
              <b>{service}</b> <span>{membersText(group)}</span>
              {group && <span>{lagText(group)}</span>}
              {open > 0 && (
                <a class="warning" href={DEAD_LETTERS_HASH}>{plural(open, "dead letter")}</a>
              )}
            </p>
            <ul>
              {ways.filter(({ to }) =>
                to === service
              ).map((way) => (
                <li key={way.from}>
                  reads {way.from} <b>{formatRate(rateOf(live, way))}</b>
                </li>
              ))}
              {ways.filter(({ from }) =>
                from === service
              ).map((way) => (
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
