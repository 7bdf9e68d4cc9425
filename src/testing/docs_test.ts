/**
 * What the Markdown files point at is there: files, headings, tasks, source files; and the handler that
 * the README shows is the real one.
 */
import { assert, assertEquals } from "@std/assert";
import { dirname, join, relative } from "node:path/posix";

const ROOT = new URL("../../", import.meta.url).pathname;
const SKIPPED = new Set([".git", ".data", "node_modules", "coverage", "dist"]);

function* filesIn(folder: string): Generator<string> {
  for (const { name, isDirectory } of Deno.readDirSync(folder)) {
    if (SKIPPED.has(name)) continue;
    if (isDirectory) yield* filesIn(join(folder, name));
    else yield relative(ROOT, join(folder, name));
  }
}

const FILES = new Set(filesIn(ROOT));
const FOLDERS = new Set([...FILES].flatMap((file) => parents(file)));
const PAGES = new Map(
  [...FILES].filter((file) => file.endsWith(".md"))
    .map((file) => [file, Deno.readTextFileSync(join(ROOT, file))]),
);

function parents(file: string): string[] {
  const folder = dirname(file);
  return folder === "." ? ["."] : [folder, ...parents(folder)];
}

/** As GitHub makes them of headings. */
function anchorsOf(page: string): Set<string> {
  const prose = page.replaceAll(/^```.*?^```/gms, "");
  return new Set(
    [...prose.matchAll(/^#+ +(.+)$/gm)].map(([, heading]) =>
      heading!.toLowerCase().replaceAll(/[^\p{L}\p{N}\s_-]/gu, "").replaceAll(/\s/g, "-")
    ),
  );
}

/** Everything that `find` says of a page, each with the page's name. */
function inPages(find: (page: string, path: string) => Iterable<string>): string[] {
  return [...PAGES].flatMap(([path, page]) => [...find(page, path)].map((it) => `${path}: ${it}`));
}

Deno.test("docs: every relative link leads to a file, and to a heading in it", () => {
  assert(PAGES.size > 15, "there are pages");
  const broken = inPages(function* (page, path) {
    const prose = page.replaceAll(/^```.*?^```/gms, "");
    for (const [, link] of prose.matchAll(/\]\(([^)\s]+)\)/g)) {
      if (/^[a-z]+:/.test(link!)) continue;
      const [file, anchor] = link!.split("#");
      const target = file ? join(dirname(path), file) : path;
      if (!FILES.has(target) && !FOLDERS.has(target.replace(/\/$/, ""))) yield link!;
      else if (anchor && !anchorsOf(PAGES.get(target) ?? "").has(anchor)) yield link!;
    }
  });
  assertEquals(broken, []);
});

Deno.test("docs: every task that is named is in deno.json", () => {
  const { tasks } = JSON.parse(Deno.readTextFileSync(join(ROOT, "deno.json")));
  const unknown = inPages(function* (page) {
    for (const [text, task] of page.matchAll(/deno(?:@[\d.]+)? task ([a-z][a-z0-9:]*)/g)) {
      if (!(task! in tasks)) yield text;
    }
  });
  assertEquals(unknown, []);
});

Deno.test("docs: a command's words come first, its options behind, also in what the demo says", () => {
  const demo = Deno.readTextFileSync(join(ROOT, "src/local/demo.ts"));
  const optionFirst = /deno task (?:dlq|trace) --(?!help).*/g;
  const found = [...PAGES.values(), demo].flatMap((text) => text.match(optionFirst) ?? []);
  assertEquals(found, []);
});

Deno.test("docs: every source file that is named is there", () => {
  const paths = [...FILES].map((file) => `/${file}`);
  // Those that a guide has its reader write.
  const written = new Set(
    [...PAGES.values()].flatMap((page) => [...page.matchAll(/^\*\*`(.+)`\*\*\n\n```ts$/gm)])
      .map(([, name]) => name),
  );
  const unknown = inPages(function* (page) {
    for (const [, name] of page.matchAll(/`([a-z][\w./-]*\.tsx?)`/g)) {
      if (!written.has(name!) && !paths.some((path) => path.endsWith(`/${name}`))) yield name!;
    }
  });
  assertEquals(unknown, []);
});

Deno.test("docs: the README's handler is the real one", () => {
  const [, file, code] = /\]\((src\/[^)]+\.ts)\):\s+```ts\n(.*?)```/s.exec(
    PAGES.get("README.md")!,
  )!;
  const words = (text: string) => text.replaceAll(/\s+/g, " ").trim();
  const source = words(Deno.readTextFileSync(join(ROOT, file!)));
  assert(source.includes(words(code!)), `README.md shows something else than ${file}`);
});
