/** Breaks the long lines of a query that is made of pieces, so that a person can read it. */

const MAX_CHARACTERS = 100;
const INDENT = "  ";

/** Texts and identifiers are whole; a comment goes to the end of its line. */
const TOKENS = /--.*|'(?:[^']|'')*'|"[^"]*"|\|\||\w+|\s+|[^]/g;

/** Before these words a line is broken rather than at a comma, and there rather than behind `||`. */
const CLAUSES = /^(from|where|join|left|cross|and|or|on|when|then|else|end|order|group)$/i;

/** Of the statement itself: as far left as it is. */
const OWN_LINE = /^(from|where|order|group)$/i;

interface Break {
  readonly at: number;
  readonly word: string;
  readonly depth: number;
  /** Less is better. */
  readonly rank: number;
}

/** Where a line may be broken. */
function breaksIn(line: string): Break[] {
  const breaks: Break[] = [];
  let at = 0;
  let depth = 0;
  for (const [token] of line.matchAll(TOKENS)) {
    if (token.startsWith("--")) break;
    if (token === ")" || token === "end") depth--;
    if (CLAUSES.test(token)) breaks.push({ at, word: token, depth, rank: 0 });
    at += token.length;
    if (token === ",") breaks.push({ at, word: token, depth, rank: 1 });
    if (token === "||") breaks.push({ at, word: token, depth, rank: 2 });
    if (token === "(" || token === "case") depth++;
  }
  return breaks;
}

/** The least deep one, so that what belongs together stays together; of several the last. */
function bestOf(breaks: readonly Break[]): Break | undefined {
  return breaks.toSorted((a, b) => a.depth - b.depth || a.rank - b.rank || b.at - a.at)[0];
}

function wrapLine(line: string): string[] {
  const [indent] = /^\s*/.exec(line)!;
  const lines: string[] = [];
  let rest = line;
  while (rest.length > MAX_CHARACTERS) {
    const least = indent.length + 2 * INDENT.length;
    const best = bestOf(breaksIn(rest).filter(({ at }) => at > least && at <= MAX_CHARACTERS));
    if (!best) break;
    lines.push(rest.slice(0, best.at).trimEnd());
    const isClause = best.depth === 0 && OWN_LINE.test(best.word);
    rest = indent + (isClause ? "" : INDENT) + rest.slice(best.at).trimStart();
  }
  return [...lines, rest];
}

/** The same query in lines of at most 100 characters, where its words allow it. */
export function wrapSql(sql: string): string {
  return sql.split("\n").flatMap(wrapLine).join("\n");
}
