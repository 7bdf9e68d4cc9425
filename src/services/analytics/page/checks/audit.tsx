/** The newest audit: its verdict, what it covered, each promise, and what breaks it. */
import { Fragment } from "preact";
import { useState } from "preact/hooks";
import type { AuditReported } from "../../../../events/audit_report.ts";
import { formatCount, formatDuration, formatMoney, plural } from "../../../../runtime/format.ts";
import type { AuditSummary, AuditView } from "../../checks/audit_reports.ts";
import { ago, Command, dateAndTime, OrderLink, useAnswer, Verdict } from "./parts.tsx";

const RUN = "deno task audit --wait 60";

export function AuditCard({ audit, atMs }: { audit: AuditSummary; atMs: number }) {
  return (
    <article class="card check" id="audit">
      <h3>Audit</h3>
      <AuditVerdict audit={audit} atMs={atMs} />
      {audit.state === "made" ? <Report finishedAt={audit.finishedAt} /> : (
        audit.state !== "unknown" && (
          <p>
            Run one: <Command text={RUN} />
          </p>
        )
      )}
    </article>
  );
}

function AuditVerdict({ audit, atMs }: { audit: AuditSummary; atMs: number }) {
  switch (audit.state) {
    case "unknown":
      return <Verdict state="unknown" word="not known">{audit.why}</Verdict>;
    case "never":
      return (
        <Verdict state="unknown" word="never run">
          nobody has checked whether every order is accounted for
        </Verdict>
      );
    case "unreadable":
      return (
        <Verdict state="unknown" word="not readable">
          the report of {dateAndTime(audit.publishedAtMs)} was published by another version
        </Verdict>
      );
    case "made": {
      const atText = `${dateAndTime(audit.finishedAt)}, ${ago(Date.parse(audit.finishedAt), atMs)}`;
      return (
        <Verdict state={audit.passed ? "good" : "bad"} word={audit.passed ? "passed" : "failed"}>
          <time dateTime={audit.finishedAt}>{atText}</time>
          {!audit.passed && `: ${audit.summary.replace(/^AUDIT FAILED: /, "")}`}
        </Verdict>
      );
    }
  }
}

function Report({ finishedAt }: { finishedAt: string }) {
  const { answer, fault } = useAnswer<AuditView>("/audit", finishedAt, true);
  if (fault) return <p class="warning">{fault}</p>;
  if (answer?.state !== "made") return null;
  const { report } = answer;
  const failed = report.checks.filter(({ passed }) => !passed);
  return (
    <>
      {failed.map((check) => <Failed key={check.promise} check={check} />)}
      <Scope report={report} />
      <Promises report={report} />
    </>
  );
}

/** What was judged, in a sentence; and by offsets. */
function Scope({ report: { scope, startedAt, finishedAt, notes } }: { report: AuditReported }) {
  const tookMs = Date.parse(finishedAt) - Date.parse(startedAt);
  return (
    <>
      <p data-scope>
        {scope ? judged(scope) : "Nothing was judged."} It took {formatDuration(tookMs)}.
      </p>
      {notes.map((note) => <p key={note}>Note: {note}</p>)}
      {scope && scope.topics.length > 0 && <Offsets topics={scope.topics} />}
    </>
  );
}

type ScopeOf = NonNullable<AuditReported["scope"]>;

function judged({ orders, older, newer, since }: ScopeOf): string {
  const which = since !== null
    ? `placed after ${dateAndTime(since)}`
    : newer > 0
    ? "all that had been placed when it began"
    : "all there were";
  const left = [
    ...older > 0 ? [`${formatCount(older)} older ones, whose messages may be deleted`] : [],
    ...newer > 0 ? [`${formatCount(newer)} placed while it was made`] : [],
  ];
  return `It judged ${plural(orders, "order")}, ${which}` +
    (left.length > 0 ? `; not judged: ${left.join(", ")}.` : ".");
}

function Offsets({ topics }: { topics: ScopeOf["topics"] }) {
  return (
    <details>
      <summary>offsets that it read</summary>
      <div class="scroll" tabIndex={0} role="group" aria-label="Offsets that the audit read">
        <table>
          <thead>
            <tr>
              <th scope="col">topic</th>
              <th scope="col">partition: first–last offset</th>
            </tr>
          </thead>
          <tbody>
            {topics.map(({ topic, partitions }) => (
              <tr key={topic}>
                <th scope="row">{topic}</th>
                <td>
                  {partitions.map(([partition, first, end], index) => (
                    <Fragment key={partition}>
                      {index > 0 && " "}
                      <span class="whole">
                        {partition}: {offsets(first!, end!)}
                        {index < partitions.length - 1 && " ·"}
                      </span>
                    </Fragment>
                  ))}
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </details>
  );
}

/** `12–34`, the last one included */
function offsets(first: number, end: number): string {
  return first < end ? `${first}–${end - 1}` : "none";
}

type CheckOf = AuditReported["checks"][number];

function Failed({ check: { guarantee, promise, failures, offenders } }: { check: CheckOf }) {
  const rest = failures - offenders.length;
  return (
    <div class="failed" data-failed>
      <p>
        <b>{guarantee}</b> {promise}: <b>{formatCount(failures)} wrong</b>
      </p>
      <ul>
        {offenders.map(({ who, what }) => (
          <li key={`${who} ${what}`}>
            {isOrder(who) ? <OrderLink id={who} /> : who}
            {what === null ? "" : `: ${what}`}
          </li>
        ))}
        {rest > 0 && (
          <li>
            and {formatCount(rest)} more: <code>deno task audit</code>
          </li>
        )}
      </ul>
    </div>
  );
}

/** Not a place in a topic, nor a product or a currency, which a search would not find. */
function isOrder(who: string): boolean {
  return /^[A-Za-z0-9_.-]{1,64}-\d{6,}$/.test(who);
}

function Promises({ report: { checks, notCovered } }: { report: AuditReported }) {
  const [open, setOpen] = useState(false);
  if (checks.length === 0) return null;
  const held = checks.filter(({ passed }) => passed).length;
  return (
    <details open={open} onToggle={({ currentTarget }) => setOpen(currentTarget.open)}>
      <summary>{held} of {plural(checks.length, "promise")} held</summary>
      {open && (
        <div class="scroll" tabIndex={0} role="group" aria-label="Promises of the audit">
          <table class="stacked">
            <thead>
              <tr>
                {["verdict", "promise", "looked at"].map((name) => (
                  <th scope="col" key={name}>{name}</th>
                ))}
              </tr>
            </thead>
            <tbody>
              {checks.map(({ guarantee, promise, passed, counts, failures }) => (
                <tr key={promise} class={passed ? "" : "broken"} data-promise>
                  <td>{passed ? "held" : `${formatCount(failures)} wrong`}</td>
                  <th scope="row">{guarantee} {promise}</th>
                  <td data-label="looked at">{countsText(counts)}</td>
                </tr>
              ))}
            </tbody>
          </table>
          {notCovered.map((line) => <p key={line}>Not covered: {line}</p>)}
        </div>
      )}
    </details>
  );
}

function countsText(counts: CheckOf["counts"]): string {
  return Object.entries(counts).map(([name, n]) => countText(name, n)).join(" · ") || "nothing";
}

/** `orders 1,234`, `1,234.56 EUR` */
function countText(name: string, n: number): string {
  const currency = /^([A-Z]{3}) cents$/.exec(name)?.[1];
  return currency ? formatMoney(n, currency) : `${name} ${formatCount(n)}`;
}
