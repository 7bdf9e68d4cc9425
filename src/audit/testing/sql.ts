/** Takes the queries of the checks apart, for a test that makes the audit blind to a part of them. */

const TOKENS = /--[^\n]*|'(?:[^']|'')*'|"[^"]*"|\w+|[()]|[^]/g;

/** How deep in brackets each character is; a negative number: in a text or a comment. */
function depthsOf(sql: string): number[] {
  const depths: number[] = [];
  let depth = 0;
  for (const [token] of sql.matchAll(TOKENS)) {
    if (token === ")" || token === "end") depth--;
    const isText = /^(--|'|")/.test(token);
    for (let i = 0; i < token.length; i++) depths.push(isText ? -1 : depth);
    if (token === "(" || token === "case") depth++;
  }
  return depths;
}

/** From an offset of a query to before another. */
type Range = readonly [from: number, to: number];

class Query {
  readonly #depths: readonly number[];

  constructor(readonly sql: string) {
    this.#depths = depthsOf(sql);
  }

  /** Where words are that are as deep as `depth`. */
  find(words: RegExp, depth: number, [from, to]: Range = [0, this.sql.length]): Range[] {
    return [...this.sql.slice(from, to).matchAll(words)]
      .map((match): Range => [from + match.index, from + match.index + match[0].length])
      .filter(([at]) => this.#depths[at] === depth);
  }

  /** The parts of a range between words on its own level. */
  split(words: RegExp, range: Range, depth: number): Range[] {
    const between = this.find(words, depth, range);
    const starts = [range[0], ...between.map(([, to]) => to)];
    return starts.map((from, i) => [from, between[i]?.[0] ?? range[1]]);
  }

  /** Every `where` of the query, and those of the queries in it. */
  wheres(): { range: Range; depth: number }[] {
    return [...this.sql.matchAll(/\bwhere\b/g)].filter(({ index }) => this.#depths[index]! >= 0)
      .map(({ index }) => {
        const depth = this.#depths[index]!;
        const from = index + "where".length;
        const left = this.#depths.findIndex((other, at) =>
          at > from && other >= 0 && other < depth
        );
        const rest: Range = [from, left < 0 ? this.sql.length : left];
        const [next] = this.find(/\b(group by|order by|having|limit|union)\b/g, depth, rest);
        return { range: [from, next?.[0] ?? rest[1]], depth };
      });
  }

  /** The conditions that `and` and `or` join, those in brackets too; `absent` is what leaves each out. */
  *conditions(range: Range, depth: number): Generator<{ range: Range; absent: string }> {
    for (const [words, absent] of [[/\bor\b/g, "false"], [/\band\b/g, "true"]] as const) {
      const parts = this.split(words, range, depth);
      if (parts.length === 1) continue;
      for (const part of parts) {
        yield { range: part, absent };
        yield* this.conditions(part, depth);
      }
      return;
    }
    const text = this.sql.slice(...range);
    const inside = /^\s*(?:not\s*)?\(/.exec(text)?.[0].length;
    if (inside === undefined || /^\s*select\b/.test(text.slice(inside))) return;
    const end = range[0] + text.trimEnd().length - 1;
    if (this.sql[end] === ")") yield* this.conditions([range[0] + inside, end], depth + 1);
  }

  with([from, to]: Range, text: string): string {
    return `${this.sql.slice(0, from)} ${text} ${this.sql.slice(to)}`;
  }
}

/** A query with one thing changed. */
export interface Mutant {
  /** What was changed. */
  readonly what: string;
  readonly sql: string;
}

function oneLine(sql: string): string {
  return sql.replaceAll(/\s+/g, " ").trim();
}

/** The query without each of the selects that `union all` joins; one that is alone returns nothing. */
export function withoutBranches(sql: string): Mutant[] {
  const query = new Query(sql);
  const start = query.find(/\bselect\b/g, 0)[0]![0];
  return query.split(/\bunion all\b/g, [start, sql.length], 0).map((range) => {
    const branch = sql.slice(...range);
    return {
      what: oneLine(branch),
      sql: query.with(range, `select * from (${branch}) where false`),
    };
  });
}

export interface ConditionMutants {
  readonly condition: string;
  /** The query without it. */
  readonly without: string;
  /** The query with its opposite. */
  readonly opposite: string;
}

/** The query without each of its conditions, those of its inner queries included. */
export function withoutConditions(sql: string): ConditionMutants[] {
  const query = new Query(sql);
  return query.wheres().flatMap(({ range, depth }) => {
    const parts = [...query.conditions(range, depth)];
    // A condition that stands alone.
    if (parts.length === 0) parts.push({ range, absent: "true" });
    return parts.map(({ range, absent }) => {
      const condition = sql.slice(...range);
      return {
        condition: oneLine(condition),
        without: query.with(range, absent),
        opposite: query.with(range, `((${condition}) is not true)`),
      };
    });
  });
}
